"""ministack, nearer to AWS in four points.

- It takes events of AWS services from whoever sends them: a test speaks for AWS Batch.
- SQS has no actions for batches: `sqs:SendMessage` is what SendMessageBatch needs (service authorization reference of Amazon SQS).
- DynamoDB tells policies which keys a request is about: `dynamodb:LeadingKeys` (developer guide, "Using IAM policy conditions").
- `Ref` of a secret is its ARN (template reference of AWS::SecretsManager::Secret), which policies name.
"""

import json

from ministack import app
from ministack.core import iam_actions
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

put_events = eventbridge._put_events
eventbridge._put_events = lambda data, allow_aws_source=False: put_events(data, allow_aws_source=True)

extract_iam_action = iam_actions.extract_iam_action


def extract_real_action(service, *args, **kwargs):
    action = extract_iam_action(service, *args, **kwargs)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = extract_real_action
if hasattr(app, "extract_iam_action"):
    app.extract_iam_action = extract_real_action

dynamodb_service_context = iam_actions.dynamodb_service_context


def dynamodb_context_with_keys(body):
    request = json.loads(body or b"{}")
    item = request.get("Key") or request.get("Item") or {}
    keys = [item["pk"]["S"]] if "pk" in item else []
    return {**dynamodb_service_context(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}


iam_actions.dynamodb_service_context = dynamodb_context_with_keys

secret_handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
create_secret = secret_handlers["create"]


def create_secret_with_arn(*args, **kwargs):
    _name, attributes = create_secret(*args, **kwargs)
    return attributes["Arn"], attributes


secret_handlers["create"] = create_secret_with_arn

app.main()
