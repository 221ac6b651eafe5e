// One client for the whole application: importing this module is all that a component does.
import { init } from "@tidegate/browser";

export const tidegate = init({
  gateway: import.meta.env.VITE_TIDEGATE_GATEWAY ?? "http://127.0.0.1:8300",
  writeKey: import.meta.env.VITE_TIDEGATE_WRITE_KEY ?? "your-write-key",
  service: "shop",
});
