"""An LSTM learns to write, character by character, from one sonnet."""

import chainrule as cr
from chainrule import data, models, optim

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
letters = data.Characters.fit(text)
model = models.language_model(letters, "lstm", width=96, num_layers=1)
learning = models.NextToken(model, batch_size=16)  # rows that are read on and on
optimizer = optim.Adam(learning.parameters(), lr=0.01)

done = 0
for epochs in (1, 2, 4, 5):
    history = cr.fit(
        learning,
        learning.batches(text, length=50),
        optimizer=optimizer,
        epochs=epochs,
        progress=False,
    )
    done += epochs
    print(f"after {done} epochs, loss {history['loss'][-1]:.3f}:")
    print("   ", model.generate("\n", 60, temperature=0.5).replace("\n", " / "))

print("the sonnet:", model.evaluate(SONNET))
for piece in model.stream("So long as men can", 30, temperature=0):
    print(piece, end="")
print()
assert model.evaluate(SONNET).bits_per_character < 1.4
