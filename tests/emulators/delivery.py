"""Delivery of events to SQS as AWS documents it: what a queue does not take goes to dead letters, or is lost.

Runs in the emulator's own environment, imports nothing of the product. Policies are judged by the emulator's own evaluator.
"""

import json
import random
import time
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.services import eventbridge as bridge
from ministack.services import sqs

BUSY_ATTEMPTS = 3
BUSY_SECONDS = 120
MOST_BYTES = 1024 * 1024
KNOBS: dict[str, Any] = {
    "busy": 0.0,  # share of events that SQS refuses at first, for as many attempts and seconds as stated above
    "aws_key_delivers": False,  # EventBridge can use the key that AWS manages for SQS
    "own_key_delivers": True,  # the policy of a key of one's own lets EventBridge use it
    "names_account": True,  # EventBridge sends aws:SourceAccount to SQS
}

knobs_of_replays: dict[str, dict[str, Any]] = {}
_invoke_target, _dispatch_to_sqs = bridge._invoke_target, bridge._dispatch_to_sqs
_delivery: list[
    tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
] = []  # target, event and rule of what is delivered


def invoke_target(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    """Remember what is delivered by which rule; a queue in another Region or account is not reached."""
    spec = parse_arn(target["Arn"])
    if spec.service == "sqs" and not bridge._target_matches_request_scope(spec):
        send_to_dead_letters(target, event, rule, "NO_RESOURCE")
        return
    _delivery.append((target, event, rule))
    try:
        _invoke_target(target, event, rule, view)
    finally:
        _delivery.pop()


def dispatch_to_sqs(spec: Any, payload: str, sqs_parameters: Any = None) -> None:
    """Deliver to a queue that takes the message."""
    target, event, rule = _delivery[-1]
    why = refusal(str(spec), payload, rule, sqs_parameters or {}, event)
    if why is None and target.get("RoleArn"):
        why = "NO_PERMISSIONS"  # no test has a role that EventBridge may assume
    if why is None and is_too_busy(target, event):
        why = "THROTTLING"
    if why is None:
        _dispatch_to_sqs(spec, payload, sqs_parameters)
    else:
        send_to_dead_letters(target, event, rule, why)


def refusal(
    arn: str, payload: str, rule: dict[str, Any], parameters: dict[str, Any], event: dict[str, Any]
) -> str | None:
    """Return why a queue does not take a message of EventBridge for a rule."""
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        return "NO_RESOURCE"
    attributes = queue["attributes"]
    knobs = knobs_of_replays.get(event.get("ReplayName") or "", KNOBS)
    if not is_allowed(attributes, rule["Arn"], names_account=knobs["names_account"]):
        return "NO_PERMISSIONS"
    key = str(attributes.get("KmsMasterKeyId", ""))
    if key and not knobs["aws_key_delivers" if key.endswith("alias/aws/sqs") else "own_key_delivers"]:
        return "NO_PERMISSIONS"
    is_fifo = queue.get("is_fifo")
    if is_fifo and not (parameters.get("MessageGroupId") and attributes.get("ContentBasedDeduplication") == "true"):
        return "INVALID_PARAMETER"
    if len(payload.encode()) > int(attributes.get("MaximumMessageSize", MOST_BYTES)):
        return "INVALID_PARAMETER"
    return None


def is_allowed(attributes: dict[str, Any], rule_arn: str, *, names_account: bool) -> bool:
    """Return whether the policy of a queue lets EventBridge send for a rule."""
    rule = parse_arn(rule_arn)
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sqs:SendMessage",
        resource_arn=attributes["QueueArn"],
        region=rule.region,
        secure_transport=True,
        service_context={
            "aws:sourcearn": rule_arn,
            "aws:principalisawsservice": "true",
            "aws:principalservicename": "events.amazonaws.com",
        }
        | ({"aws:sourceaccount": rule.account_id} if names_account else {}),
    )
    policy = attributes.get("Policy") or ""
    return evaluate_resource_policy(policy, context, service="events.amazonaws.com").decision == "Allow"


def is_too_busy(target: dict[str, Any], event: dict[str, Any]) -> bool:
    """Return whether SQS is busy for longer than the target's retry policy lasts."""
    knobs = knobs_of_replays.get(event.get("ReplayName") or "", KNOBS)
    policy = target.get("RetryPolicy", {})
    lasts = (
        policy.get("MaximumRetryAttempts", 185) >= BUSY_ATTEMPTS
        and policy.get("MaximumEventAgeInSeconds", 86_400) >= BUSY_SECONDS
    )
    return not lasts and random.Random(event["EventId"]).random() < knobs["busy"]


def send_to_dead_letters(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], why: str) -> None:
    """Send an event as it is to the dead-letter queue of its target, if there is one that takes it."""
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    body = json.dumps(bridge._pattern_event_view(event).event_with_detail())
    queue = sqs._queue_by_arn(arn) if arn else None
    if queue is None or queue.get("is_fifo") or refusal(arn, body, rule, {}, event):
        return
    texts = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": why}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    sqs._act_send_message({"QueueUrl": queue["url"], "MessageBody": body, "MessageAttributes": attributes}, "")


def start_message_move_task(data: dict[str, Any], _url: str) -> dict[str, Any]:
    """Move messages out of the dead-letter queue of a queue; without a destination, back to where each came from."""
    source_arn, destination_arn = data["SourceArn"], data.get("DestinationArn")
    source = sqs._queue_by_arn(source_arn)
    redrives = [json.loads(queue["attributes"].get("RedrivePolicy") or "{}") for queue in sqs._queues.values()]
    if source is None or source_arn not in [redrive.get("deadLetterTargetArn") for redrive in redrives]:
        raise sqs._Err("ResourceNotFoundException", "The source queue is not the dead-letter queue of a queue.", 400)
    left = []
    for message in source["messages"]:
        arn = destination_arn or message["sys"].get("DeadLetterQueueSourceArn")
        queue = sqs._queue_by_arn(arn) if arn else None
        if queue is None or queue.get("is_fifo") != source.get("is_fifo"):
            left.append(message)
            continue
        moved = {"id": sqs.new_uuid(), "receipt_handle": None, "receive_count": 0, "sent_at": time.time()}
        queue["messages"].append(message | moved | {"visible_at": time.time() + sqs.queue_delay(queue)})
    source["messages"] = left
    return {"TaskHandle": sqs.new_uuid()}


OVERRIDES = {"_invoke_target": invoke_target, "_dispatch_to_sqs": dispatch_to_sqs}


def install() -> None:
    """Replace the emulator's own delivery."""
    for name, replacement in OVERRIDES.items():
        if not hasattr(bridge, name):
            raise SystemExit(f"ministack has no {name} any more: look at the overrides again")
        setattr(bridge, name, replacement)
    sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task
