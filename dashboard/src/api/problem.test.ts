import { afterEach, describe, expect, it, vi } from 'vitest'
import { api } from './client'
import { ApiProblem } from './problem'

const answer = (response: Response | Error) =>
  vi.stubGlobal('fetch', async () => {
    if (response instanceof Error) throw response
    return response
  })

const refusal = async (): Promise<ApiProblem> => {
  const error = await api.session().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ApiProblem)
  return error as ApiProblem
}

afterEach(() => vi.unstubAllGlobals())

describe('what the API refuses', () => {
  it('is a problem with its name, sentence and request id', async () => {
    const body = { code: 40310, name: 'sudo_required', title: 'Password needed', detail: 'Enter it.', request_id: 'r1' }
    answer(Response.json(body, { status: 403 }))
    expect(await refusal()).toMatchObject({ name: 'sudo_required', detail: 'Enter it.', requestId: 'r1', status: 403 })
  })

  it('is a sentence even when a proxy answers in HTML', async () => {
    answer(new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'x-request-id': 'r2' } }))
    expect(await refusal()).toMatchObject({ status: 502, name: 'unreadable_answer', requestId: 'r2' })
  })

  it('is a sentence even when a success is not JSON', async () => {
    answer(new Response('<h1>Log in to the hotel network</h1>'))
    expect(await refusal()).toMatchObject({ name: 'unreadable_answer' })
  })

  it('is a problem when nothing answers', async () => {
    answer(new TypeError('failed to fetch'))
    expect(await refusal()).toMatchObject({ status: 0, name: 'unreachable' })
  })

  it('is nothing on success, with or without a body', async () => {
    answer(new Response(null, { status: 204 }))
    expect(await api.signOut()).toBeUndefined()
  })
})
