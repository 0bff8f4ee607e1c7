import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriers, launch, open, picture } from './support/app'
import { type Server, startServer, until } from './support/server'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  browser = await launch()
  await server.deploy(ORDERS)
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const ORDERS = {
  id: 'orders',
  name: 'Order intake',
  nodes: [
    { key: 'start', type: 'manual.trigger' },
    { key: 'big', name: 'Big order?', type: 'logic.if_condition', params: { condition: '{{ $input.total > 100 }}' } },
    {
      key: 'each',
      name: 'Each item',
      type: 'core.for_each',
      params: { collection: '{{ $input.items }}', collect: '{{ $input.line }}' },
    },
    {
      key: 'line',
      name: 'Order line',
      type: 'data.set_data',
      params: { fields: { line: '{{ $input.qty }} x {{ $input.name }}' } },
    },
    { key: 'ask', name: 'Ask the manager', type: 'wait.wait', params: { mode: 'webhook', timeout_hours: 48 } },
    { key: 'done', name: 'Confirm', type: 'data.set_data', params: { fields: { approved: '{{ $input.approved }}' } } },
    { key: 'small', name: 'Small order', type: 'core.no_op' },
  ],
  connections: [
    'start -> big',
    'big.true -> each',
    'each.loop -> line',
    'line -> each',
    'each.done -> ask',
    'ask -> done',
    'big.false -> small',
  ],
}

const BIG = {
  total: 420,
  items: [
    { name: 'tea', qty: 2 },
    { name: 'cup', qty: 6 },
    { name: 'pot', qty: 1 },
  ],
}

interface Detail {
  execution: { status: string }
  output: unknown
}

const detailOf = (id: string) => server.call<Detail>('GET', `/executions/${id}`)

async function waiting(): Promise<string> {
  const { id } = await server.call<{ id: string }>('POST', '/executions', { workflow_id: 'orders', input: BIG })
  await until(async () => (await detailOf(id)).execution.status === 'suspended')
  return id
}

test('a waiting execution is approved, and goes on to its end before the eyes', async () => {
  const id = await waiting()
  const { page, watched } = await open(browser, server.url, `/executions/${id}`)
  await page.getByText('waits for an answer').waitFor()
  await page.locator('.react-flow__node').first().waitFor()
  await picture(page, 'execution-waiting')
  await page.getByRole('button', { name: 'Answer', exact: true }).click()
  await page.getByRole('textbox', { name: 'Data (JSON)' }).fill('{"approved": "yes"}')
  await page.getByRole('button', { name: 'Send the answer' }).click()
  await page.getByText('Completed', { exact: true }).first().waitFor()
  expect((await detailOf(id)).output).toEqual({ approved: 'yes' })
  await page.getByText('"yes"').waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('the replay goes through what happened in its order, and the address holds the step', async () => {
  const id = await waiting()
  const { page, watched } = await open(browser, server.url, `/executions/${id}`)
  const slider = page.getByRole('slider', { name: 'Step of the execution' })
  await page.getByText('12/12').waitFor()
  await page.getByRole('button', { name: 'To the beginning' }).click()
  await page.getByText('0/12').waitFor()
  await slider.focus()
  for (let step = 0; step < 5; step += 1) await page.keyboard.press('ArrowRight')
  await page.getByText('Order line completed (each, iteration 1)').waitFor()
  expect(page.url()).toContain('step=5')
  await picture(page, 'execution-replay')
  await page.reload()
  await page.getByText('5/12').waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a node is opened, and its iterations are walked', async () => {
  const id = await waiting()
  const { page, watched } = await open(browser, server.url, `/executions/${id}`)
  await page.getByText('12/12').waitFor()
  await page.locator('.react-flow__node', { hasText: 'Order line' }).click()
  await page.getByText('Run 3 of 3').waitFor()
  await page.getByText('"1 x pot"').waitFor()
  await page.getByRole('button', { name: 'Previous run' }).click()
  await page.getByText('"6 x cup"').waitFor()
  await page.getByRole('tab', { name: 'Input' }).click()
  await page.getByRole('button', { name: 'from Each item, step 5' }).waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a failed execution says why, and is retried on the newest version', async () => {
  await server.deploy({
    id: 'prices',
    name: 'Prices',
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      {
        key: 'price',
        name: 'With tax',
        type: 'data.set_data',
        params: { fields: { price: '{{ $input.net * $input.tax }}' } },
      },
    ],
    connections: ['start -> price'],
  })
  const { id } = await server.call<{ id: string }>('POST', '/executions?mode=sync', {
    workflow_id: 'prices',
    input: { net: 10, tax: 'a fifth' },
  })
  await server.call('PUT', '/workflows/prices?based_on=1', {
    id: 'prices',
    name: 'Prices',
    nodes: [
      { key: 'start', type: 'manual.trigger' },
      {
        key: 'price',
        name: 'With tax',
        type: 'data.set_data',
        params: { fields: { price: '{{ $input.net * 1.2 }}' } },
      },
    ],
    connections: ['start -> price'],
  })
  const { page, watched } = await open(browser, server.url, '/executions?status=failed')
  await page.getByRole('link', { name: 'prices' }).click()
  await page.getByText('Failed', { exact: true }).first().waitFor()
  await page.locator('.react-flow__node', { hasText: 'With tax' }).click()
  await page.getByRole('alert').filter({ hasText: 'expression' }).first().waitFor()
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByRole('menuitem', { name: 'On the newest version' }).click()
  await page.waitForURL((url) => url.pathname.startsWith('/executions/') && !url.pathname.endsWith(id))
  await page.getByText('Completed', { exact: true }).first().waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('two executions are compared', async () => {
  const [one, other] = [await waiting(), await waiting()]
  await server.call('POST', `/executions/${one}/resume`, { node: 'ask', data: { approved: 'yes' } })
  await server.call('POST', `/executions/${other}/resume`, { node: 'ask', data: { approved: 'no' } })
  const { page, watched } = await open(browser, server.url, `/executions/${one}?tab=compare&compare=${other}`)
  await page.getByText('2 of 11 runs differ').waitFor()
  await page.getByRole('button', { name: /Confirm/ }).click()
  await page.getByText('− "no"').waitFor()
  await page.getByText('+ "yes"').waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('many executions are cancelled at once', async () => {
  await Promise.all([waiting(), waiting()])
  const { page, watched } = await open(browser, server.url, '/executions?status=suspended')
  await page.getByRole('checkbox', { name: 'Choose all that are shown' }).check()
  await page.getByRole('button', { name: /^Cancel \d/ }).click()
  await page.getByRole('button', { name: 'Cancel them' }).click()
  await page.getByText('None of the executions fits').waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('an execution has no barriers, wide or narrow, in light or dark', async () => {
  const id = await waiting()
  for (const looks of [{}, { dark: true }, { width: 400, height: 800 }]) {
    const { page } = await open(browser, server.url, `/executions/${id}?tab=node&run=3`, looks)
    await page.getByText('Run 1 of 3').waitFor()
    await page.locator('.react-flow__node').first().waitFor()
    expect(await barriers(page)).toEqual([])
    await page.close()
  }
})
