"""The local AWS: starts MiniStack, deploys template.yaml to it and shows what Hooklog does."""
