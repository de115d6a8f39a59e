// The same as host_product.py with Node.js 20 or later.
//
//   npm install @aws-sdk/credential-providers aws4fetch
//   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
//   node host_product.mjs <address> <JSON>

import { realpathSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fromEnv, fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { AwsClient } from "aws4fetch";

// A new access key and a new role take some seconds until every part of IAM knows them.
const IAM_SETTLES_SECONDS = 30;
const RENEWED_BEFORE_EXPIRY_SECONDS = 300;

const region = process.env.AWS_REGION;
const assumeRole = fromTemporaryCredentials({
  masterCredentials: fromEnv(),
  params: { RoleArn: process.env.ROLE_ARN, RoleSessionName: "host-product" },
  clientConfig: { region },
});

let credentials;

/** Credentials of ApiGatewayInvokeRole that will not expire under way. */
async function invokeRoleCredentials() {
  const fresh = credentials && (credentials.expiration - Date.now()) / 1000 > RENEWED_BEFORE_EXPIRY_SECONDS;
  const giveUp = Date.now() + IAM_SETTLES_SECONDS * 1000;
  while (!fresh) {
    try {
      credentials = await assumeRole();
      break;
    } catch (error) {
      const settling = ["AccessDenied", "InvalidClientTokenId"].includes(error.name);
      if (!settling || Date.now() > giveUp) throw error;
      await wait(2000);
    }
  }
  return credentials;
}

/** One signed POST; gives the status and the text of the answer. */
export async function post(address, body) {
  const client = new AwsClient({ ...(await invokeRoleCredentials()), region, service: "execute-api", retries: 0 });
  const headers = { "Content-Type": "application/json" };
  const answer = await client.fetch(address, { method: "POST", body, headers, signal: AbortSignal.timeout(30_000) });
  return { status: answer.status, text: await answer.text() };
}

// Run as a program, not imported by yours.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [address, body] = process.argv.slice(2);
  const { status, text } = await post(address, body);
  console.log(text);
  if (status !== 200) {
    console.error(`HTTP ${status}`);
    process.exitCode = 1;
  }
}
