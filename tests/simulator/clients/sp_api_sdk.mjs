// @sp-api-sdk/* as its documentation shows it: subscribes, makes a report, reads its document, lets the SDK retry.
// Prints what it got as JSON. HTTPS_PROXY and NODE_EXTRA_CA_CERTS lead it to the simulator.
import { AuthorizationScope, SellingPartnerApiAuth } from "@sp-api-sdk/auth";
import { NotificationsApiClient } from "@sp-api-sdk/notifications-api-v1";
import { ReportsApiClient } from "@sp-api-sdk/reports-api-2021-06-30";
import { TokensApiClient } from "@sp-api-sdk/tokens-api-2021-03-01";
import axios from "axios";
import { gunzipSync } from "node:zlib";

const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, REFRESH_TOKEN: refreshToken, QUEUE_ARN: arn } = process.env;
const FINISHED = "REPORT_PROCESSING_FINISHED";
const region = "fe";

const auth = new SellingPartnerApiAuth({ clientId, clientSecret, refreshToken });
const application = new SellingPartnerApiAuth({ clientId, clientSecret, scopes: [AuthorizationScope.NOTIFICATIONS] });
const destinations = new NotificationsApiClient({ auth: application, region });
const subscriptions = new NotificationsApiClient({ auth, region });
const retries = [];
const rateLimiting = { retry: true, onRetry: ({ delay, rateLimit }) => retries.push({ delay, rateLimit }) };
const reports = new ReportsApiClient({ auth, region, rateLimiting });

const body = { name: "tests", resourceSpecification: { sqs: { arn } } };
const destination = (await destinations.createDestination({ body })).data.payload;
const wanted = { payloadVersion: "1.0", destinationId: destination.destinationId };
const subscription = (await subscriptions.createSubscription({ notificationType: FINISHED, body: wanted })).data.payload;
const conflict = await subscriptions
  .createSubscription({ notificationType: FINISHED, body: wanted })
  .catch((error) => ({ message: error.message, errors: error.response.data.errors }));
const { subscriptionId } = subscription;
await destinations.deleteSubscriptionById({ notificationType: FINISHED, subscriptionId });

const finished = async (reportType) => {
  const specification = { reportType, marketplaceIds: ["A1VC38T7YXB528"] };
  const { reportId } = (await reports.createReport({ body: specification })).data;
  for (;;) {
    const report = (await reports.getReport({ reportId })).data;
    if (!["IN_QUEUE", "IN_PROGRESS"].includes(report.processingStatus)) return report;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
const report = await finished("GET_MERCHANT_LISTINGS_ALL_DATA");
const { reportDocumentId } = report;
const link = (await reports.getReportDocument({ reportDocumentId })).data;
const document = (await axios.get(link.url, { responseType: "arraybuffer" })).data;

const restricted = await finished("GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING");
const path = `/reports/2021-06-30/documents/${restricted.reportDocumentId}`;
const tokens = new TokensApiClient({ auth, region });
const restrictedDataToken = (
  await tokens.createRestrictedDataToken({ body: { restrictedResources: [{ method: "GET", path }] } })
).data.restrictedDataToken;
const withToken = new ReportsApiClient({ auth, region, restrictedDataToken });
const restrictedLink = (await withToken.getReportDocument({ reportDocumentId: restricted.reportDocumentId })).data;

console.log(
  JSON.stringify({
    destination,
    subscription,
    conflict,
    report,
    link,
    restrictedLink,
    document: gunzipSync(document).toString(),
    retries,
  }),
);
