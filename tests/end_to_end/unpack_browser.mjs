// Unpacks the browser of the npm package @sparticuz/chromium, with its libraries and fonts, into node_modules/.browser.
// The package brings a browser for Linux on x64 only; elsewhere there is nothing to unpack.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inflate } from "@sparticuz/chromium";

// The package's own file names folders that only AWS Lambda has.
const FONTS = `<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

if (process.platform === "linux" && process.arch === "x64") {
  const packed = fileURLToPath(new URL("../bin", import.meta.resolve("@sparticuz/chromium")));
  const unpacked = join(packed, "../../../.browser");
  mkdirSync(unpacked, { recursive: true });
  process.env.TMPDIR = unpacked; // where inflate() writes to
  for (const name of ["chromium.br", "fonts.tar.br", "al2023.tar.br"]) await inflate(join(packed, name));
  writeFileSync(join(unpacked, "fonts/fonts.conf"), FONTS);
}
