#!/usr/bin/env bash
# The same as host_product.py with curl (7.75 or later) alone.
#
#   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
#   ./host_product.sh [POST | PATCH] <address> <JSON>
#   ./host_product.sh GET | DELETE "<address>?<name>=<value>&..."     # names in alphabetical order
#   curl --fail --compressed --output report.tsv "<link>"             # a report, decompressed
#
# For the next page of a list, add NextToken=<the page's nextToken>, also in alphabetical order.
# Credentials expire after an hour; each run gets new ones.
set -euo pipefail
method=POST
case ${1-} in GET | POST | PATCH | DELETE) method=$1 && shift ;; esac
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: host_product.sh [GET | POST | PATCH | DELETE] <address> [<JSON>]" >&2
  exit 1
fi
address=$1 content=()
case $method in POST | PATCH) content=(--data-binary "${2-"{}"}") ;; esac
sts=${AWS_ENDPOINT_URL_STS:-https://sts.$AWS_REGION.amazonaws.com}

# curl reads secrets from standard input, so that they do not appear in the process list.
user() { printf 'user = "%s:%s"\n' "$1" "$2"; }

# It takes a few seconds until a new access key or role works everywhere in IAM.
for attempt in $(seq 15); do
  session=$(user "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" | curl --silent --show-error --config - \
    --aws-sigv4 "aws:amz:$AWS_REGION:sts" "$sts/" \
    --data Action=AssumeRole --data Version=2011-06-15 --data RoleSessionName=host-product \
    --data-urlencode "RoleArn=$ROLE_ARN")
  case $session in
    *'<SecretAccessKey>'*) break ;;
    *AccessDenied* | *InvalidClientTokenId*) [ "$attempt" -lt 15 ] && sleep 2 && continue ;;
  esac
  printf '%s\n' "$session" >&2
  exit 1
done
field() { printf '%s' "$session" | tr -d '\n' | sed -n "s/.*<$1>\(.*\)<\/$1>.*/\1/p"; }

answer=$({
  user "$(field AccessKeyId)" "$(field SecretAccessKey)"
  printf 'header = "x-amz-security-token: %s"\n' "$(field SessionToken)"
} | curl --silent --show-error --config - --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" "$address" \
  --request "$method" --header 'Content-Type: application/json' "${content[@]}" --write-out '\n%{http_code}')
status=${answer##*$'\n'}
printf '%s\n' "${answer%$'\n'*}"
[ "$status" = 200 ] || { echo "HTTP $status" >&2; exit 1; }
