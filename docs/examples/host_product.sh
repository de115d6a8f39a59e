#!/usr/bin/env bash
# The same as host_product.py with curl (7.75 or later) alone.
#
#   export AWS_REGION=... AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... ROLE_ARN=...
#   ./host_product.sh <address> <JSON>
#
# Credentials last an hour and are fetched anew by every run.
set -euo pipefail
address=$1 body=$2
sts=${AWS_ENDPOINT_URL_STS:-https://sts.$AWS_REGION.amazonaws.com}

# Secrets go to curl by standard input, where no list of processes shows them.
user() { printf 'user = "%s:%s"\n' "$1" "$2"; }

# A new access key and a new role take some seconds until every part of IAM knows them.
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
  --header 'Content-Type: application/json' --data-binary "$body" --write-out '\n%{http_code}')
status=${answer##*$'\n'}
printf '%s\n' "${answer%$'\n'*}"
[ "$status" = 200 ] || { echo "HTTP $status" >&2; exit 1; }
