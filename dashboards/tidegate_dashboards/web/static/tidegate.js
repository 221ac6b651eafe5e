// What the browser does by itself: numbers in charts, the age of the data, copying, the theme, whether anybody watches.
(() => {
  const digits = (value) => {
    if (value === 0) return "0";
    const decimals = Math.min(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))), 6);
    return value.toLocaleString("en", { maximumFractionDigits: decimals });
  };
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);

  window.tidegate = {
    count(value) {
      if (missing(value)) return "–";
      for (const [size, letter, unit] of [[1e12, "T", 1e12], [1e9, "B", 1e9], [1e6, "M", 1e6], [1e4, "k", 1e3]]) {
        if (Math.abs(value) >= size) return digits(value / unit) + letter;
      }
      return digits(value);
    },
    share(value) {
      return missing(value) ? "–" : digits(Math.round(value * 10000) / 100) + "%";
    },
    seconds(value) {
      if (missing(value)) return "–";
      if (value === 0) return "0";
      if (value < 1e-3) return digits(value * 1e6) + " µs";
      if (value < 1) return digits(value * 1e3) + " ms";
      return value < 120 ? digits(value) + " s" : digits(value / 60) + " min";
    },
    bytes(value) {
      if (missing(value)) return "–";
      for (const [size, name] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
        if (value >= size) return digits(value / size) + " " + name;
      }
      return value + " B";
    },
    toggleTheme() {
      const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
      document.cookie = `tidegate-theme=${next}; path=/; max-age=31536000; samesite=lax`;
      location.reload();
    },
    fresh() {
      window.tidegate.updatedAt = Date.now();
      tick();
    },
    waiting() {
      window.tidegate.updatedAt = undefined;
      const badge = document.querySelector("[data-live]");
      badge.classList.add("late");
      badge.textContent = "Waiting";
      badge.title = "No fresh numbers";
    },
  };

  function tick() {
    const badge = document.querySelector("[data-live]");
    if (!badge || !window.tidegate.updatedAt) return;
    const seconds = Math.round((Date.now() - window.tidegate.updatedAt) / 1000);
    const late = seconds > 20;
    badge.classList.toggle("late", late);
    badge.textContent = late ? `No news for ${seconds} s` : "Live";
    badge.title = `Updated ${seconds} s ago`;
  }
  setInterval(tick, 1000);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = source.dataset.text ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => {
      button.textContent = label;
      button.classList.remove("done");
    }, 1600);
  });

  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const tabs = [...tab.parentElement.querySelectorAll("[role=tab]")];
    const step = event.key === "ArrowRight" ? 1 : -1;
    choose(tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length]);
  });
  function choose(tab) {
    for (const other of tab.parentElement.querySelectorAll("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", chosen);
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    tab.focus();
  }

  document.addEventListener("visibilitychange", () => {
    if (window.emitEvent) window.emitEvent("watching", document.visibilityState === "visible");
  });
})();
