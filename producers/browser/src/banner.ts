/** The consent banner: not modal, first in the page's order, its looks by CSS variables, its texts by the site. */

import type { Client } from "./client";
import type { BannerTexts } from "./types";

const CSS = `
:host{position:fixed;z-index:var(--tidegate-layer,2147483000);inset:var(--tidegate-inset,auto 1rem 1rem)}
div{box-sizing:border-box;max-width:var(--tidegate-width,40rem);margin:0 auto;padding:1rem 1.25rem;
max-height:80vh;overflow:auto;font:var(--tidegate-font,1rem/1.5 system-ui,sans-serif);
color:var(--tidegate-color,CanvasText);background:var(--tidegate-background,Canvas);
border:var(--tidegate-border,1px solid);border-radius:var(--tidegate-radius,.5rem)}
h2{font-size:1.1em;margin:0}
p{margin:.5em 0 1em}
a{color:inherit}
button{font:inherit;padding:.5em 1em;margin:0 .5em .25em 0;min-height:2.75em;cursor:pointer;
color:var(--tidegate-button-color,Canvas);background:var(--tidegate-button,CanvasText);
border:var(--tidegate-button-border,1px solid);border-radius:var(--tidegate-radius,.5rem)}
:focus-visible{outline:3px solid var(--tidegate-focus,Highlight);outline-offset:2px}`;

const ENGLISH = {
  title: "May we measure how this site is used?",
  text: "With your consent we keep a random id on this device, to tell visits apart. Without it nothing is stored.",
  accept: "Accept",
  decline: "Decline",
  linkText: "Privacy notice",
};

let shown: HTMLElement | undefined;
let before: Element | null = null;

/** Takes the banner away; the focus goes back to where it was. */
export function hideBanner(): void {
  const held = shown?.contains(document.activeElement);
  shown?.remove();
  shown = undefined;
  if (held && before instanceof HTMLElement) before.focus();
}

function add<Name extends keyof HTMLElementTagNameMap>(
  parent: Node,
  name: Name,
  text = "",
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  parent.appendChild(element);
  return element;
}

/** Shows it; `called` by the visitor it takes the focus, else only if nothing else has it. */
export function showBanner(client: Client, called: boolean): void {
  const texts: BannerTexts = { ...ENGLISH, ...(client._options.banner || {}) };
  before = document.activeElement;
  hideBanner();
  const host = document.createElement("tidegate-consent");
  const root = host.attachShadow({ mode: "open" });
  // A sheet made by script, so that a policy without 'unsafe-inline' lets it through.
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
  } catch {
    add(root, "style", CSS);
  }
  const roles = { role: "dialog", "aria-modal": "false", "aria-labelledby": "t", "aria-describedby": "d", tabindex: "-1" };
  const box = add(root, "div", "", roles);
  add(box, "h2", texts.title, { id: "t" });
  const text = add(box, "p", `${texts.text} `, { id: "d" });
  if (texts.link) add(text, "a", texts.linkText, { href: texts.link });
  add(box, "button", texts.accept, { type: "button" }).onclick = client.grant;
  add(box, "button", texts.decline, { type: "button" }).onclick = () => client.decline();
  box.onkeydown = (event) => {
    if (event.key === "Escape") hideBanner();
  };
  document.body.prepend(host);
  shown = host;
  if (called || before === document.body || !before) box.focus({ preventScroll: true });
}
