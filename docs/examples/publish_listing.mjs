// The same as publish_listing.py with Node.js 22 or later; Node.js 20 works with warnings.
//
//   npm install @aws-sdk/credential-providers aws4fetch
//   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
//   node publish_listing.mjs <ListingsUrl> listing.json

import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { QuickStart, RequestRefusedError } from "./host_product.mjs";

const OPEN = ["RECEIVED", "WAITING", "SENDING", "ACCEPTED"];
const ASK_AGAIN_SECONDS = 10;
const GIVE_UP_SECONDS = 3600;

/** The submission with its final status. Throws RequestRefusedError: then nothing was sent. */
async function publish(product, address, listing) {
  const giveUp = Date.now() + GIVE_UP_SECONDS * 1000;
  let answer = await product.create(address, listing);
  while (OPEN.includes(answer.status) && Date.now() < giveUp) {
    await wait(ASK_AGAIN_SECONDS * 1000);
    answer = await product.get(`${address}/submissions/${answer.submissionId}`, { SellerId: listing.SellerId });
  }
  return answer;
}

const [address, file] = process.argv.slice(2);
let outcome;
try {
  const product = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION);
  outcome = await publish(product, address, JSON.parse(readFileSync(file, "utf8")));
} catch (error) {
  if (!(error instanceof RequestRefusedError)) throw error;
  outcome = error.answer;
}
console.log(JSON.stringify(outcome, null, 2));
if (!["PUBLISHED", "PUBLISHED_WITH_ISSUES"].includes(outcome.status)) {
  console.error(`not published: ${outcome.status ?? "refused"}. ${outcome.message ?? ""}`);
  process.exitCode = 1;
}
