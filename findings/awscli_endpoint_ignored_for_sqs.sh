#!/usr/bin/env bash
# awscli 1.45.11 with its own botocore: AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SQS are ignored for SQS and obeyed for EventBridge.
# Seen: with both set to a closed port of this machine, `aws events list-rules` tries that address; `aws sqs list-queues` tries
# https://queue.amazonaws.com/ (us-east-1) or https://eu-west-1.queue.amazonaws.com/; with --endpoint-url it obeys. A boto3 client
# on the same botocore obeys the variable for both services. So a script meant for an emulator asks AWS itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awscli==1.45.11
cd "$folder"
address=http://127.0.0.1:9
export AWS_ENDPOINT_URL=$address AWS_ENDPOINT_URL_SQS=$address AWS_MAX_ATTEMPTS=1 AWS_CONFIG_FILE=/dev/null
export AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test NO_PROXY='*'
unset AWS_PROFILE
tried() { # the address that `aws ARGUMENTS` would ask, as its debug log names it; nothing listens there and no answer is needed
    timeout 60 venv/bin/aws --debug --cli-connect-timeout 1 --cli-read-timeout 1 "$@" 2>&1 |
        grep -oE "Sending http request: <AWSPreparedRequest .*url=[^,]*" | head -1 | sed 's/.*url=//' || true
}
seen="$(tried --region us-east-1 events list-rules) $(tried --region us-east-1 sqs list-queues)"
seen="$seen $(tried --region eu-west-1 sqs list-queues) $(tried --region eu-west-1 --endpoint-url $address sqs list-queues)"
echo "$seen"
wanted="$address/ https://queue.amazonaws.com/ https://eu-west-1.queue.amazonaws.com/ $address/"
[ "$seen" = "$wanted" ] || { echo "changed: wanted $wanted"; exit 1; }
venv/bin/python - <<'PY'
import botocore
import botocore.session

session = botocore.session.get_session()
found = {name: session.create_client(name, region_name="eu-west-1").meta.endpoint_url for name in ("events", "sqs")}
print("botocore", botocore.__version__, found)
assert found == {"events": "http://127.0.0.1:9", "sqs": "http://127.0.0.1:9"}, found
PY
