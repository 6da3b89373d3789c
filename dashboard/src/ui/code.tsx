/** Code with quiet colours. A tokenizer of four rules is enough for snippets we write ourselves. */
import { type ReactNode, useMemo } from 'react'

export type Language = 'shell' | 'javascript' | 'python' | 'html'

type Kind = 'comment' | 'string' | 'keyword' | 'mask'

const MASK = '•'
const RULES: Record<Language, RegExp> = {
  shell: rules(/#.*$/, /'[^']*'|"[^"]*"/, /^(?:curl|npm|node|pip|python3)\b|(?<=&& )(?:node|python3)\b/),
  javascript: rules(/\/\/.*$/, /'[^'\n]*'|"[^"\n]*"|`[^`]*`/, /\b(?:const|new|require|true|false|import|from|await)\b/),
  python: rules(/#.*$/, /'[^'\n]*'|"[^"\n]*"/, /\b(?:import|from|True|False|None|def|print)\b/),
  html: rules(/<!--.*?-->|(?<!:)\/\/.*$/, /"[^"\n]*"|'[^'\n]*'/, /<\/?[a-z0-9!]+|\/?>|\b(?:const|new)\b/),
}

const COLOURS: Record<Kind, string> = {
  comment: 'text-faint',
  string: 'text-code-string',
  keyword: 'text-code-keyword',
  mask: 'text-faint tracking-tight',
}

export function Code({ source, language }: { source: string; language: Language }) {
  return <code>{useMemo(() => highlight(source, language), [source, language])}</code>
}

function highlight(source: string, language: Language): ReactNode[] {
  const parts: ReactNode[] = []
  let end = 0
  for (const match of source.matchAll(RULES[language])) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] as Kind
    if (match.index > end) parts.push(source.slice(end, match.index))
    parts.push(
      <span key={match.index} className={COLOURS[kind]}>
        {match[0]}
      </span>,
    )
    end = match.index + match[0].length
  }
  parts.push(source.slice(end))
  return parts
}

function rules(comment: RegExp, string: RegExp, keyword: RegExp): RegExp {
  const groups = `(?<comment>${comment.source})|(?<mask>${MASK}+)|(?<string>${string.source})|(?<keyword>${keyword.source})`
  return new RegExp(groups, 'gm')
}
