// Runs the golden runs in WebAssembly and compares their hash with the one that the native test pins.
import { readFileSync } from "node:fs";

const [wasm, test] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {});
const found = BigInt.asUintN(64, instance.exports.bits());
const pinned = BigInt(readFileSync(test, "utf8").match(/const ALL: u64 = (0x[0-9a-f_]+)/)[1].replaceAll("_", ""));
if (found !== pinned) {
  console.error(`bits in WebAssembly: 0x${found.toString(16)}, expected 0x${pinned.toString(16)}`);
  process.exit(1);
}
console.log(`bits in WebAssembly: 0x${found.toString(16)}, as committed`);
