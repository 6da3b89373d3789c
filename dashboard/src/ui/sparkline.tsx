/** A small line that only shows the shape; the number beside it carries the meaning. */
interface SparklineProps {
  values: readonly number[]
  className?: string
}

const WIDTH = 120
const HEIGHT = 28

export function Sparkline({ values, className }: SparklineProps) {
  const most = Math.max(...values, 0)
  const y = (value: number) => HEIGHT - 2 - (most === 0 ? 0 : (value / most) * (HEIGHT - 4))
  const step = WIDTH / Math.max(1, values.length - 1)
  const line = values.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      className={className}
      data-testid="sparkline"
    >
      {most > 0 && <polygon points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} fill="currentColor" opacity="0.12" />}
      <polyline
        points={line}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeDasharray={most === 0 ? '3 3' : undefined}
        opacity={most === 0 ? 0.5 : 1}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  )
}
