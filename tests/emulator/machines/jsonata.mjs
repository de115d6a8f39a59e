// Evaluates JSONata with the reference implementation: one JSON string a line in, one JSON object a line out.

import { createInterface } from "node:readline";
import jsonata from "jsonata";

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const value = await jsonata(JSON.parse(line)).evaluate(undefined);
    answer = { value: value === undefined ? null : value };
  } catch (error) {
    answer = { error: `${error.code}: ${error.message}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
