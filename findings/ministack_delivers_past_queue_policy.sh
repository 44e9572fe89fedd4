#!/usr/bin/env bash
# ministack 1.5.33 with boto3 1.44.5: EventBridge delivers to an SQS queue whatever the queue's policy says.
# Seen: a queue without any policy, one whose policy lets another service send, and a FIFO queue named as target without
# SqsParameters.MessageGroupId all receive the event. In AWS a queue that has no statement for events.amazonaws.com
# receives nothing, and a FIFO target needs a MessageGroupId (EventBridge user guide, "Amazon SQS permissions" and PutTargets).
# So a set-up that works on this emulator may lose every event in AWS.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/emulator"
"${PYTHON:-python3}" -m venv "$folder/client"
"$folder/emulator/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33
"$folder/client/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.5
cd "$folder"
port=$(client/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
GATEWAY_PORT=$port emulator/bin/ministack > emulator.log 2>&1 &
server=$!
cat > try.py <<'PY'
import json
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

session = boto3.Session("test", "test", region_name="us-east-1")
events, sqs = (session.client(name, endpoint_url=f"http://127.0.0.1:{sys.argv[1]}") for name in ("events", "sqs"))
for _ in range(60):
    try:
        sqs.list_queues()
        break
    except (BotoCoreError, ClientError):
        time.sleep(0.5)
other = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}
queues = {
    "none": {},
    "other": {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [other]})},
    "group.fifo": {"FifoQueue": "true", "ContentBasedDeduplication": "true"},
}
events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
addresses = {name: sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"] for name, attributes in queues.items()}
for name in queues:
    arn = sqs.get_queue_attributes(QueueUrl=addresses[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert events.put_targets(Rule="r", Targets=[{"Id": name.replace(".", "-"), "Arn": arn}])["FailedEntryCount"] == 0
assert events.put_events(Entries=[{"Source": "shop", "DetailType": "X", "Detail": "{}"}])["FailedEntryCount"] == 0
seen = {
    name: len(sqs.receive_message(QueueUrl=address, WaitTimeSeconds=5).get("Messages", []))
    for name, address in addresses.items()
}
print("messages received:", seen)
assert seen == {"none": 1, "other": 1, "group.fifo": 1}, seen
PY
client/bin/python try.py "$port"
