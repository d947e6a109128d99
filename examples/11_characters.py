"""An LSTM learns to write, character by character, from one sonnet."""

import chainrule as cr
from chainrule import optim
from chainrule.models import CharLSTM

SONNET = """\
Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade
Nor lose possession of that fair thou owest;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest:
So long as men can breathe or eyes can see,
So long lives this, and this gives life to thee.
"""

cr.manual_seed(0)
text = SONNET * 20
model = CharLSTM("".join(sorted(set(text))), hidden_size=96, num_layers=1, width=24)
optimizer = optim.Adam(model.parameters(), lr=0.01)
inputs, targets = model.windows(text, 50)  # the characters, and those that follow

done = 0
for epochs in (1, 2, 4, 5):
    history = cr.fit(
        model,
        (inputs, targets),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=16,
        progress=False,
    )
    loss = history["loss"][-1]
    done += epochs
    print(f"after {done} epochs, loss {loss:.3f}:")
    print("   ", model.sample(60, "\n", temperature=0.5).replace("\n", " / "))

# The state remembers what was read: reading goes on where it stopped.
ids = model.encode("So long as men can")
logits, state = model.read(ids[None])
print("next:", repr(model.decode(logits.numpy()[:, -1].argmax(-1))))
assert loss < 1.0
