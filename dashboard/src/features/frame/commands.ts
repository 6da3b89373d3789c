/** What the palette offers, and how it finds things: every word typed must be somewhere in the command. */

export type Group = 'Pages' | 'Apps' | 'Keys' | 'Actions'

export interface Command {
  id: string
  group: Group
  label: string
  /** More words to be found by. */
  keywords?: string
  hint?: string
  run: () => void
}

/** The commands that match, the closest first within each group. */
export function findCommands(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...commands]
  return commands
    .map((command) => ({ command, score: scoreOf(command, words) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command)
}

function scoreOf(command: Command, words: readonly string[]): number {
  const label = command.label.toLowerCase()
  const text = `${label} ${command.group.toLowerCase()} ${command.keywords?.toLowerCase() ?? ''}`
  let score = 0
  for (const word of words) {
    if (!text.includes(word)) return 0
    if (label.startsWith(word)) score += 4
    else if (` ${label}`.includes(` ${word}`)) score += 3
    else if (label.includes(word)) score += 2
    else score += 1
  }
  return score
}

/** In the order of the best match in each group. */
export function grouped(commands: readonly Command[]): [Group, Command[]][] {
  const groups = new Map<Group, Command[]>()
  for (const command of commands) groups.set(command.group, [...(groups.get(command.group) ?? []), command])
  return [...groups]
}
