// Words that nothing in this repository says, and what to say instead. CONTRIBUTING.md has the reasons and examples.
// A space matches a line break inside a comment, too.
export const forbiddenWords = [
  ['whoever', '"a client that", "a process that"'],
  ['anew', '"again"'],
  ["nobody's", 'the owner, or "no process has"'],
  ['as ever', '"as before", or nothing'],
  ['([Ii]t|[Tt]his|[Tt]hat) came to', '"the result is"'],
  ['be it', '"whether"'],
  ['([Gg]oes|go|[Ww]ent) on', '"continues"'],
  ['somebody', '"a client", "another process", "another user"'],
  ['of ours', 'the name of the thing'],
  ['(was|were) expected', '"wanted X"'],
  ['[,;] expected (?=["`$\\d]|an? |the |one )', '"wanted X"'],
]
