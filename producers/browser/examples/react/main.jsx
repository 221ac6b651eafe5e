import { Component, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { tidegate } from "../tidegate.js";

/** What React catches no `error` event tells. */
class Reporting extends Component {
  state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  componentDidCatch(error, { componentStack }) {
    tidegate.error(error, { componentStack });
  }

  render() {
    return this.state.failed ? <p role="alert">Something went wrong.</p> : this.props.children;
  }
}

function Basket() {
  const [items, setItems] = useState(0);

  function add() {
    setItems(items + 1);
    tidegate.track("item_added", { items: items + 1 });
  }

  if (items > 2) throw new RangeError("the basket holds two items");
  return (
    <main>
      <p>{items} items</p>
      <button onClick={add}>Add</button>
      <button data-tidegate-feature="export">Export</button>
      <button onClick={tidegate.ask}>Privacy settings</button>
    </main>
  );
}

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <Reporting>
      <Basket />
    </Reporting>
  </StrictMode>,
);
