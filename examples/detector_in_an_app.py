"""A detector in an application: answers that it does not trust are not handed on."""

from truthmap import Bars, DetectorSettings, SealSettings, Study, load_detector, run_study, seal_detector

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
# Of the answers that are trusted at most 40 % may be wrong, so says the guarantee if it holds.
sealed = seal_detector(run, "detector", DetectorSettings(seal=SealSettings(limit=0.4)))
print(sealed)
print(sealed.config.guarantee_sentence)


def reply(detector, question):
    """Return what the application says."""
    verdict = detector.ask(question)
    return verdict.answer.text.strip() if verdict.trusted else f"I am not sure ({verdict.headline})."


detector = load_detector("detector")
for city in ("Paris", "Lima", "Nakuru", "Yokohama", "Gwalior"):
    print(f"{city}: {reply(detector, f'In which country is the city of {city}?')}")
