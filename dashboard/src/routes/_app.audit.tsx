import { createFileRoute } from '@tanstack/react-router'
import { auditQuery } from '#/api/queries'
import { AuditPage } from '#/features/audit/audit-page'

export const Route = createFileRoute('/_app/audit')({
  staticData: { page: 'Audit log', ofOrg: true },
  loader: ({ context }) => void context.queryClient.prefetchInfiniteQuery(auditQuery),
  component: AuditPage,
})
