// The same as publish_catalogue.py with Node.js 22 or later; Node.js 20 works with warnings.
//
//   npm install @aws-sdk/credential-providers aws4fetch
//   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
//   node publish_catalogue.mjs <ListingFeedsUrl> request.json catalogue.jsonl

import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { NoAnswerError, QuickStart, RequestRefusedError } from "./host_product.mjs";

const ASK_AGAIN_SECONDS = 15;
const GIVE_UP_SECONDS = 8 * 3600;
const GOOD = ["PUBLISHED", "PUBLISHED_WITH_ISSUES", "ACCEPTED", "DELETED"];

/** Sends the file to S3. An interrupted upload leaves nothing, so it can be repeated. */
async function upload(where, content) {
  let status;
  for (let attempt = 0; attempt < 5; attempt++) {
    const answer = await fetch(where.url, { method: where.method, headers: where.headers, body: content });
    status = answer.status;
    // 412: an earlier attempt succeeded, and its answer was lost.
    if (status === 200 || status === 412) return;
    if (status < 500) break;
    await wait(5000);
  }
  throw new Error(`the upload failed with status ${status}`);
}

const [address, requestFile, file] = process.argv.slice(2);
const product = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION);
const body = JSON.parse(readFileSync(requestFile, "utf8"));
let feed;
try {
  feed = await product.create(address, body);
} catch (error) {
  if (!(error instanceof RequestRefusedError)) throw error;
  console.error(`rejected: ${error.message}`);
  process.exit(1);
}
if (feed.upload) await upload(feed.upload, readFileSync(file));
const query = { SellerId: body.SellerId, Results: "PROBLEMS" };
const url = `${address}/${feed.feedRequestId}`;
const giveUp = Date.now() + GIVE_UP_SECONDS * 1000;
while (!feed.final && Date.now() < giveUp) {
  await wait(ASK_AGAIN_SECONDS * 1000);
  try {
    feed = await product.get(url, query);
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    console.error(error.message);
  }
}
const problems = [...(feed.results ?? [])];
let page = feed;
while (page.nextToken) {
  page = await product.get(url, { ...query, NextToken: page.nextToken });
  problems.push(...page.results);
}
for (const result of problems) {
  console.log(`line ${result.line}: ${result.sku ?? ""} ${result.status} ${result.message ?? ""}`);
}
console.log(`${feed.status}: ${feed.message ?? ""} ${JSON.stringify(feed.counts ?? {})}`);
const good = ["DONE", "CHECKED"].includes(feed.status) && problems.every((result) => GOOD.includes(result.status));
process.exitCode = good ? 0 : 1;
