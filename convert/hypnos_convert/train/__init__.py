"""Fine-tuning from general to specific, and a base from nothing where there is none.

```
texts of all phases --scratch: tokenizer, random weights--> 0-scratch     only without `train.base`
records --mixture: weigh, hold out, join turns--> examples --chat: template, labels--> rows of input_ids and labels
base, rows --worker, its own process: trl's SFTTrainer--> adapter or weights --merge, fp32--> base of the next phase
```
"""
