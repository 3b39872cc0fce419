"""Words that say yes or no, by which an accepted answer is known to be a choice between the two."""

from __future__ import annotations

from collections.abc import Iterable

from truthmap.text import normalized

_YES = """
yes|true|sí|oui|vrai|ja|wahr|sim|verdadeiro|verdadero|sì|vero|да|правда|верно|是|是的|对|正确|はい|네|예|نعم|صحيح|हाँ|हां|सही|हा|হ্যাঁ|ہاں|
evet|doğru|kyllä|ya|benar|cierto|richtig|correct|正しい|참|सत्य
"""
_NO = """
no|false|non|faux|nein|falsch|não|falso|нет|ложь|неправда|неверно|否|不|不是|不对|错|错误|いいえ|아니요|아니오|لا|خطأ|नहीं|गलत|না|نہیں|hayır|yanlış|
ei|tidak|bukan|incorrect|間違い|거짓|असत्य
"""
YES_WORDS = frozenset(normalized(word) for word in _YES.split("|"))
NO_WORDS = frozenset(normalized(word) for word in _NO.split("|"))
# A question that asks for a name or a number is not answered by yes or no: No and Si are chemical symbols too.
_OPEN = frozenset(["what", "which", "who", "whom", "whose", "where", "when", "how", "why", "name"])


def accepted_polarity(accepted: Iterable[str], question: str = "") -> bool | None:
    """Return whether the accepted answers say yes (true) or no (false); `None` where they say something else.

    >>> accepted_polarity(["Yes"]), accepted_polarity(["no", "false"]), accepted_polarity(["Nobel"])
    (True, False, None)
    """
    words = {normalized(answer).strip(" .!") for answer in accepted}
    opening = normalized(question[:200]).split(" ", 1)[0].strip(" ,.?¿'\"")
    if not words or opening in _OPEN:
        return None
    if words <= YES_WORDS:
        return True
    return False if words <= NO_WORDS else None
