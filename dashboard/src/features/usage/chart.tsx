/**
 * A uPlot chart that can also be read without seeing it: an image with a text summary, and a cursor that the arrow keys move and
 * whose value is written below and read out.
 */
import 'uplot/dist/uPlot.min.css'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import { formatRate, formatShort } from '#/ui/format'
import { type ChartData, periodLabel, rangeInfo, summarize } from './chart-data'

const HEIGHT = 280

export function Chart({ data, label }: { data: ChartData; label: string }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [cursor, setCursor] = useState<number | null>(null)
  const latest = useRef(data)
  latest.current = data
  const shape = `${data.range} ${data.series.map((series) => series.id).join(' ')}`
  const theme = useDrawnTheme()

  // A chart is built anew for other series or another theme; other numbers only replace its data.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` and `theme` are what rebuild it.
  useEffect(() => {
    const element = box.current
    if (!element) return
    const made = new uPlot(options(latest.current, element, setCursor), aligned(latest.current), element)
    plot.current = made
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape, theme])

  useEffect(() => plot.current?.setData(aligned(data)), [data])

  const move = (event: KeyboardEvent) => {
    const last = data.times.length - 1
    const to = {
      ArrowLeft: Math.max(0, (cursor ?? last + 1) - 1),
      ArrowRight: Math.min(last, (cursor ?? last - 1) + 1),
      Home: 0,
      End: last,
    }[event.key]
    if (event.key === 'Escape') {
      plot.current?.setCursor({ left: -10, top: -10 })
      return setCursor(null)
    }
    if (to === undefined || !plot.current) return
    event.preventDefault()
    const at = (data.times[to] ?? 0) / 1_000
    plot.current.setCursor({ left: plot.current.valToPos(at, 'x'), top: plot.current.bbox.height / 4 })
    setCursor(to)
  }

  return (
    <figure>
      <div
        ref={box}
        role="img"
        aria-label={`${label}. ${summarize(data)} Arrow keys read single values.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the cursor is moved with the keyboard.
        tabIndex={0}
        onKeyDown={move}
        onBlur={() => setCursor(null)}
        data-testid="chart"
        style={{ height: HEIGHT }}
        className="w-full min-w-0 overflow-hidden"
      />
      <figcaption className="flex min-h-6 flex-wrap items-center gap-x-5 gap-y-1 text-xs">
        {data.series.map((series, at) => (
          <span key={series.id} className="inline-flex items-center gap-1.5">
            <svg width="18" height="6" aria-hidden="true" className={at === 0 ? 'text-event' : 'text-presence'}>
              <line
                x1="0"
                y1="3"
                x2="18"
                y2="3"
                stroke="currentColor"
                strokeWidth="2.5"
                strokeDasharray={series.dashed ? '4 3' : undefined}
              />
            </svg>
            {series.label}
          </span>
        ))}
        <output aria-live="polite" className="ml-auto text-muted tabular-nums">
          {cursor !== null && reading(data, cursor)}
        </output>
      </figcaption>
    </figure>
  )
}

/** "14:05: 88 messages" */
function reading(data: ChartData, at: number): string {
  const values = data.series.map((series) => {
    const value = formatRate(series.values[at] ?? 0)
    return data.series.length > 1 ? `${series.label.toLowerCase()} ${value}` : `${value} ${series.unit}`
  })
  return `${periodLabel(data.times[at] ?? 0, data.range)}: ${values.join(', ')}`
}

/** One more point than there are periods, where the last one ends: without it the newest period would have no width. */
function aligned(data: ChartData): uPlot.AlignedData {
  const end = (data.times.at(-1) ?? 0) + rangeInfo(data.range).periodMs
  const lines = data.series.length > 1
  return [
    [...data.times, end].map((time) => time / 1_000),
    ...data.series.map((series) => [...series.values, lines ? (series.values.at(-1) ?? null) : null]),
  ]
}

function options(data: ChartData, element: HTMLElement, setCursor: (at: number | null) => void): uPlot.Options {
  const styles = getComputedStyle(element)
  const colour = (name: string) => styles.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: colour('muted'),
    font: `11px ${styles.fontFamily}`,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  }
  const colours = [colour('event'), colour('presence')]
  const bars = data.series.length === 1
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    // Days are counted in UTC and labelled so; clock times are the person's own.
    tzDate: data.range === 'month' ? (ts) => uPlot.tzDate(new Date(ts * 1_000), 'Etc/UTC') : undefined,
    cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
    scales: { x: { range: (_, min, max) => [min, max] }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      {
        ...axis,
        values: (_, splits) => splits.map((split) => periodLabel(split * 1_000, data.range)),
        space: 64,
        size: 30,
      },
      {
        ...axis,
        values: (_, splits) => splits.map((split) => (Number.isInteger(split) ? formatShort(split) : '')),
        size: 48,
        space: 40,
      },
    ],
    series: [
      {},
      ...data.series.map((series, at) => ({
        label: series.label,
        stroke: colours[at],
        width: bars ? 0 : 2,
        fill: bars ? colours[at] : undefined,
        dash: series.dashed ? [5, 4] : undefined,
        points: { show: false },
        paths: bars ? uPlot.paths.bars?.({ size: [0.7, 40], align: 1 }) : uPlot.paths.stepped?.({ align: 1 }),
      })),
    ],
    hooks: {
      setCursor: [
        ({ cursor: { left = -1, idx } }) =>
          setCursor(left < 0 || idx == null ? null : Math.min(idx, data.times.length - 1)),
      ],
    },
  }
}

/** The canvas knows no CSS variables, so it is drawn again when the theme changes. */
function useDrawnTheme(): string | undefined {
  const read = () => document.documentElement.dataset.theme
  const [theme, setTheme] = useState(read)
  useEffect(() => {
    const observer = new MutationObserver(() => setTheme(read()))
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    return () => observer.disconnect()
  })
  return theme
}
