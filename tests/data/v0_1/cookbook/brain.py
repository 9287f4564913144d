import json
import sys

for line in sys.stdin:
    batch = json.loads(line)
    asked = [message for message in batch["messages"] if message["text"].endswith("?")]
    print(json.dumps({"replies": [f"Good question, {message['author']}!" for message in asked]}), flush=True)
