// The same client as host_product.py with Node.js 22 or later; Node.js 20 works with warnings.
//
//   npm install @aws-sdk/credential-providers aws4fetch
//   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
//   node host_product.mjs [<method>] <address> [<JSON>]
//
// In a program:
//
//   const product = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION);
//   const report = await product.create(reports, { SellerId: seller, RegionCode: "NA", ... });
//   for await (const page of product.pages(reports, { SellerId: seller })) console.log(page.reports);
//   const { link } = await product.get(`${reports}/${report.reportId}`, { SellerId: seller });
//   await product.download(link.url, "report.tsv");
//
// To see when it waits, and why, set NODE_DEBUG=host_product.

import { randomUUID } from "node:crypto";
import { createWriteStream, realpathSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { debuglog } from "node:util";
import { fromEnv, fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { AwsClient } from "aws4fetch";

// It takes a few seconds until a new access key or role works everywhere in IAM.
const IAM_SETTLES_SECONDS = 30;
const RENEWED_BEFORE_EXPIRY_SECONDS = 300;
// API Gateway answers within 29 seconds.
const TIMEOUT_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 30;
const WITH_BODY = ["POST", "PATCH"];
const debug = debuglog("host_product");

/** The API returned an error: `status`, `code` (docs/errors.md), `requestId`, and `answer`, its whole JSON.
 *
 * API Gateway's own answers have no code, and only {"message"}, or {"Message"} when IAM denies the caller. */
export class RequestRefusedError extends Error {
  constructor(status, answer, headers) {
    super(`HTTP ${status}: ${answer.message ?? answer.Message ?? JSON.stringify(answer)}`);
    this.name = "RequestRefusedError";
    this.status = status;
    this.answer = answer;
    this.code = answer.errors?.[0]?.code ?? "";
    this.requestId = answer.requestId ?? headers.get("x-amzn-RequestId") ?? "";
    this.retryAfter = headers.has("Retry-After") ? Number(headers.get("Retry-After")) : null;
  }

  /** Whether the request may have been carried out: the function, AWS or SP-API failed, and did not refuse it. */
  get outcomeUnknown() {
    const failed = [500, 504].includes(this.status) || (this.status === 502 && !this.answer.errors?.length);
    return failed || (this.status === 502 && this.message.includes(": HTTP 5"));
  }
}

/** There was no answer. To find out what became of the request, send it again with `clientToken`, if there is one. */
export class NoAnswerError extends Error {
  constructor(clientToken, reason) {
    super(`no answer: ${reason}`);
    this.name = "NoAnswerError";
    this.clientToken = clientToken;
  }
}

/** Sends requests as ApiGatewayInvokeRole. Keep one instance; it renews its credentials automatically.
 *
 * A request waits and is sent again for up to `patience` seconds: after each Retry-After, and, if it cannot take effect
 * twice, after failures and lost answers. It cannot if it is a GET or DELETE, or has a ClientToken. */
export class QuickStart {
  #assumeRole;
  #credentials;

  constructor(roleArn, region, { patience = 120 } = {}) {
    this.region = region;
    this.patience = patience;
    this.#assumeRole = fromTemporaryCredentials({
      masterCredentials: fromEnv(),
      params: { RoleArn: roleArn, RoleSessionName: "host-product" },
      clientConfig: { region },
    });
  }

  get(address, query = {}) {
    return this.request("GET", address, query);
  }

  /** The pages of a list, one after the other. */
  async *pages(address, query = {}) {
    let page = await this.get(address, query);
    yield page;
    while (page.nextToken) {
      page = await this.get(address, { ...query, NextToken: page.nextToken });
      yield page;
    }
  }

  post(address, body) {
    return this.request("POST", address, body);
  }

  /** A POST to /reports, /listings or /product-types/pulls, with a ClientToken: it takes effect once. */
  create(address, body) {
    return this.request("POST", address, { ClientToken: randomUUID(), ...body });
  }

  patch(address, body) {
    return this.request("PATCH", address, body);
  }

  delete(address, query = {}) {
    return this.request("DELETE", address, query);
  }

  /** Saves the document of a link, decompressed. Sends no request twice: after an error, get a new link.
   *
   * Throws RequestRefusedError and NoAnswerError, and then leaves the file as it was. */
  async download(link, file) {
    const partial = `${file}.partial`;
    try {
      const answer = await fetch(link);
      if (answer.status !== 200) {
        throw new RequestRefusedError(answer.status, { message: await answer.text() }, answer.headers);
      }
      await pipeline(answer.body, createWriteStream(partial)); // decompressed, as Content-Encoding says
      await rename(partial, file);
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure; // fetch throws nothing else
      throw new NoAnswerError(undefined, failure.cause?.code ?? failure.name);
    } finally {
      await rm(partial, { force: true });
    }
  }

  /** Sends a signed request, again if that helps. Encode an id in the address with encodeURIComponent.
   *
   * Throws RequestRefusedError and NoAnswerError. */
  async request(method, address, fields) {
    const repeatable = !WITH_BODY.includes(method) || "ClientToken" in fields;
    const giveUp = Date.now() + this.patience * 1000;
    for (let attempts = 1; ; attempts++) {
      let wait = Math.min(2 ** attempts, LONGEST_PAUSE_SECONDS);
      let error;
      try {
        return await this.#once(method, address, fields);
      } catch (failure) {
        error = failure;
      }
      if (error instanceof RequestRefusedError) {
        if (error.status === 403 && error.message.includes("expired") && attempts === 1) {
          this.#credentials = undefined;
          continue;
        }
        if (error.retryAfter !== null) wait = error.retryAfter;
        else if (!(repeatable && error.outcomeUnknown)) throw error;
      } else if (!(error instanceof NoAnswerError && repeatable)) {
        throw error;
      }
      if (Date.now() + wait * 1000 > giveUp) throw error;
      debug("waiting %d s: %s", wait, error.message);
      await sleep(wait * 1000);
    }
  }

  async #once(method, address, fields) {
    const credentials = await this.#invokeRoleCredentials();
    const client = new AwsClient({ ...credentials, region: this.region, service: "execute-api", retries: 0 });
    const init = { method, headers: { "Content-Type": "application/json" } };
    let url = address;
    if (WITH_BODY.includes(method)) init.body = JSON.stringify(fields);
    else if (Object.keys(fields).length) url += `?${encoded(fields)}`;
    let answer, text;
    try {
      answer = await client.fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000) });
      text = await answer.text();
    } catch (failure) {
      throw new NoAnswerError(fields.ClientToken, failure.cause?.code ?? failure.name);
    }
    let content;
    try {
      content = JSON.parse(text);
    } catch {
      content = { message: text };
    }
    if (answer.status !== 200) throw new RequestRefusedError(answer.status, content, answer.headers);
    return content;
  }

  /** Credentials of ApiGatewayInvokeRole that do not expire before the request is sent. */
  async #invokeRoleCredentials() {
    const left = this.#credentials ? (this.#credentials.expiration - Date.now()) / 1000 : 0;
    const giveUp = Date.now() + IAM_SETTLES_SECONDS * 1000;
    let fresh = left > RENEWED_BEFORE_EXPIRY_SECONDS;
    while (!fresh) {
      try {
        this.#credentials = await this.#assumeRole();
        fresh = true;
      } catch (error) {
        const settling = ["AccessDenied", "InvalidClientTokenId"].includes(error.name);
        if (!settling || Date.now() > giveUp) throw error;
        await sleep(2000);
      }
    }
    return this.#credentials;
  }
}

/** The query string; with %20 for a space, as the signature has it. */
function encoded(query) {
  const pairs = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join("="));
  return pairs.join("&");
}

// Only when this file is run as a program, not when it is imported.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const given = process.argv.slice(2);
  const method = ["GET", "POST", "PATCH", "DELETE"].includes(given[0]) ? given.shift() : "POST";
  const [address, text = "{}"] = given;
  if (given.length < 1 || given.length > 2) {
    console.error("usage: host_product.mjs [GET | POST | PATCH | DELETE] <address> [<JSON>]");
    process.exit(1);
  }
  let fields;
  try {
    fields = JSON.parse(text);
  } catch (error) {
    console.error(`not valid JSON: ${error.message}`);
    process.exit(1);
  }
  // A person sees each answer and decides.
  const quickStart = new QuickStart(process.env.ROLE_ARN, process.env.AWS_REGION, { patience: 0 });
  try {
    console.log(JSON.stringify(await quickStart.request(method, address, fields)));
  } catch (error) {
    if (!(error instanceof RequestRefusedError)) throw error;
    console.log(JSON.stringify(error.answer));
    console.error(`HTTP ${error.status}`);
    process.exitCode = 1;
  }
}
