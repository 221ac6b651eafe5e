import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [vue()],
  // In this repository the package is its own sources; elsewhere it is installed, and this line goes.
  resolve: { alias: { "@tidegate/browser": fileURLToPath(new URL("../../src/index.ts", import.meta.url)) } },
});
