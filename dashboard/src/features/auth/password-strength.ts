/**
 * A live estimate of how hard a password is to guess. The server alone decides what is accepted; this only gives a person
 * feedback while typing, so it is a few rules instead of a 400 KB dictionary.
 */

export const PASSWORD_LENGTH_MIN = 10

export interface Strength {
  /** 0 nothing typed, 1 too short or easy to guess, 2 fair, 3 good, 4 strong. */
  level: 0 | 1 | 2 | 3 | 4
  /** One short sentence for the person. */
  advice: string
}

const COMMON = [
  'password',
  'passwort',
  'qwerty',
  'qwertz',
  'letmein',
  'welcome',
  'iloveyou',
  'admin',
  'abc123',
  'dragon',
]

export function passwordStrength(password: string, email: string): Strength {
  const length = [...password].length
  if (length === 0) {
    return { level: 0, advice: `At least ${PASSWORD_LENGTH_MIN} characters. A few unrelated words work well.` }
  }
  if (length < PASSWORD_LENGTH_MIN) {
    const missing = PASSWORD_LENGTH_MIN - length
    return { level: 1, advice: `Too short: ${missing} more ${missing === 1 ? 'character' : 'characters'}.` }
  }
  const lower = password.toLowerCase()
  const local = email.toLowerCase().split('@')[0] ?? ''
  if (local.length >= 3 && lower.includes(local)) {
    return { level: 1, advice: 'Weak: it contains your e-mail name.' }
  }
  const rest = COMMON.reduce((text, word) => text.replaceAll(word, ''), lower)
  if (rest !== lower && [...rest].length < PASSWORD_LENGTH_MIN) {
    return { level: 1, advice: 'Weak: it is built on a very common password.' }
  }
  const bits = guessBits(password)
  if (bits < 40) return { level: 1, advice: 'Weak: repeats and sequences are guessed first.' }
  if (bits < 56) return { level: 2, advice: 'Fair. A longer one is safer.' }
  if (bits < 76) return { level: 3, advice: 'Good.' }
  return { level: 4, advice: 'Strong.' }
}

/** Bits of a blind guess, where a repeat of or a step from the character before (aaa, abc, 321) counts as a quarter. */
function guessBits(password: string): number {
  const points = [...password].map((character) => character.codePointAt(0) ?? 0)
  const surprises = points.reduce((sum, point, index) => {
    const before = points[index - 1]
    return sum + (before !== undefined && Math.abs(point - before) <= 1 ? 0.25 : 1)
  }, 0)
  const distinct = new Set(points).size
  return Math.min(surprises, distinct * 2) * Math.log2(alphabetSize(password))
}

function alphabetSize(password: string): number {
  const classes: [RegExp, number][] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[ -/:-@[-`{-~]/, 33],
    [/[^ -~]/, 100],
  ]
  return classes.reduce((size, [pattern, count]) => size + (pattern.test(password) ? count : 0), 0)
}
