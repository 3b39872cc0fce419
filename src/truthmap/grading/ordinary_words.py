"""Words that begin sentences of answers with a capital letter and are no names."""

from __future__ import annotations

_LIST = """
a about according actor actress after ai all also although an and answer any are as at based be because been before
both but by can correct could did do does during each either every final first for from had has have he hence her here
his how however i if in indeed is it its let like many maybe more most my neither no not note of ok okay on one only or
other our out overall perhaps please question said same she since so some sorry still such sure text than that the their
them then there therefore these they this those though thus to two unfortunately until up was we well were what when
where whether which while who whom whose why will with would yes yet you your explanation step reason therefore finally
great good certainly absolutely of course actually probably possibly likely unlike compared contrary among between
without within according despite instead rather just your every several another whatever nobody everyone someone
credit many some
ich es er sie wir das der die ein eine il elle le la les je el los las lo yo un una os as eu meine mon mi
"""
ORDINARY = frozenset(_LIST.split())
