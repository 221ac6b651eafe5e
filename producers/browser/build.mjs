// node build.mjs [FILE [VERSION]]: the package's dist/index.js, and the bundle of the script tag.
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const [file = join(here, "dist/tidegate.js"), version = ""] = process.argv.slice(2);
// A field is an assignment: without this, older targets get a helper for each.
const tsconfigRaw = { compilerOptions: { useDefineForClassFields: false } };
const common = { absWorkingDir: here, bundle: true, target: "es2020", tsconfigRaw, charset: "utf8", legalComments: "none" };

await build({ ...common, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/index.js" });

const script = { entryPoints: ["src/script.ts"], format: "iife", minifySyntax: true, write: false };
const { outputFiles } = await build({ ...common, ...script });
const { code } = await minify(outputFiles[0].text, {
  ecma: 2020,
  compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
  // What begins with _ is the SDK's own: no site calls it, and it is in no event and not on the device.
  mangle: { properties: { regex: /^_/ } },
  format: { preamble: `/*! Tidegate ${version} */`, ascii_only: false },
});
await writeFile(file, code);
