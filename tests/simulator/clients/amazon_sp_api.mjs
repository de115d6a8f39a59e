// amazon-sp-api as its documentation shows it: subscribes, and lets it make, wait for and read a report.
// Prints what it got as JSON. The agent and NODE_EXTRA_CA_CERTS lead it to the simulator.
import { SellingPartner } from "amazon-sp-api";
import HttpsProxyAgent from "https-proxy-agent";

const { CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, QUEUE_ARN, HTTPS_PROXY } = process.env;
const FINISHED = "REPORT_PROCESSING_FINISHED";

const client = new SellingPartner({
  region: "na",
  refresh_token: REFRESH_TOKEN,
  credentials: { SELLING_PARTNER_APP_CLIENT_ID: CLIENT_ID, SELLING_PARTNER_APP_CLIENT_SECRET: CLIENT_SECRET },
  options: { https_proxy_agent: new HttpsProxyAgent(HTTPS_PROXY) },
});
const destination = await client.callAPI({
  operation: "notifications.createDestination",
  body: { name: "tests", resourceSpecification: { sqs: { arn: QUEUE_ARN } } },
});
const subscription = await client.callAPI({
  operation: "notifications.createSubscription",
  path: { notificationType: FINISHED },
  body: { payloadVersion: "1.0", destinationId: destination.destinationId },
});
await client.callAPI({
  operation: "notifications.deleteSubscriptionById",
  path: { notificationType: FINISHED, subscriptionId: subscription.subscriptionId },
});
const document = await client.downloadReport({
  body: { reportType: "GET_MERCHANT_LISTINGS_ALL_DATA", marketplaceIds: ["ATVPDKIKX0DER"] },
  version: "2021-06-30",
  interval: 200,
  download: { json: true },
});
const refusal = await client
  .callAPI({ operation: "reports.getReport", path: { reportId: "1" } })
  .catch(({ code, message }) => ({ code, message }));
console.log(JSON.stringify({ destination, subscription, document, refusal }));
