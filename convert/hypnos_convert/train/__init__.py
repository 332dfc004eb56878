"""Training. Today: a small demonstration model from scratch, so that the page has something real to run.

data/{anaesthesia,general,passages}/*.jsonl  --records-->  texts and chats
texts  --tokenizer-->  tokenizer.json with a ChatML template
texts  --scratch: language-model pass, loss on every token-->  weights
chats  --scratch: instruction pass, loss on answers only-->    weights, a Hugging Face folder that `package` takes
"""
