import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  // In this repository the package is its own sources; elsewhere it is installed, and this line goes.
  resolve: { alias: { "@tidegate/browser": fileURLToPath(new URL("../../src/index.ts", import.meta.url)) } },
});
