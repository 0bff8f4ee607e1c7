import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriers, launch, open, picture } from './support/app'
import { type Server, startServer } from './support/server'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  browser = await launch()
  await server.deploy({
    id: 'nightly',
    name: 'Nightly report',
    nodes: [
      { key: 'clock', type: 'schedule.trigger', params: { cron: '30 2 * * *', timezone: 'Europe/Berlin' } },
      { key: 'report', type: 'core.no_op' },
    ],
    connections: ['clock -> report'],
  })
  await server.deploy({ id: 'hello', nodes: [{ key: 'start', type: 'manual.trigger' }], connections: [] })
  for (let run = 0; run < 5; run += 1)
    await server.call('POST', '/executions?mode=sync', { workflow_id: 'hello', input: { run } })
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

test('the dashboard shows what ran and what the clock starts next', async () => {
  const { page, watched } = await open(browser, server.url, '/')
  await page.getByText('5 started').waitFor()
  await page.getByRole('link', { name: 'nightly' }).waitFor()
  await page.getByRole('heading', { name: 'Workers' }).waitFor()
  await picture(page, 'dashboard')
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a schedule is paused and goes on', async () => {
  const { page, watched } = await open(browser, server.url, '/schedules')
  await page.getByText('30 2 * * *').waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('Paused', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('Active', { exact: true }).waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a secret goes in, and does not come out', async () => {
  const { page, watched } = await open(browser, server.url, '/secrets')
  await page.getByRole('button', { name: 'New secret' }).first().click()
  await page.getByRole('textbox', { name: 'Name' }).fill('mail_password')
  await page.getByLabel('Value').first().fill('correct horse battery')
  await page.getByLabel('Hosts that may be sent it').first().fill('mail.example.com')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByText('mail.example.com').waitFor()
  expect(await page.content()).not.toContain('correct horse')
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a credential goes in, is tried, and does not come out', async () => {
  const { page, watched } = await open(browser, server.url, '/credentials')
  await page.getByRole('button', { name: 'New credential' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox', { name: 'Name', exact: true }).fill('shop')
  await dialog.getByLabel('Token').first().fill('correct horse battery')
  await dialog.getByLabel('Hosts that may be sent it').first().fill('127.0.0.1')
  await dialog.getByRole('textbox', { name: 'Address for tests' }).fill('http://127.0.0.1:9/me')
  expect(await barriers(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('cell', { name: 'shop', exact: true }).waitFor()
  await page.getByText('Ready', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText('shop does not work').waitFor()
  expect(await page.content()).not.toContain('correct horse')
  expect(await barriers(page)).toEqual([])
  expect(watched.trouble).toEqual([])
  await page.close()
})

test('a person authorizes a credential in a window of the service', async () => {
  await server.call('PUT', '/credentials/mail', {
    credential: {
      type: 'oauth2_authorization_code',
      authorize_url: `${server.url}/login`,
      token_url: `${server.url}/token`,
      client_id: 'prana',
    },
    allowed_hosts: ['mail.example.com'],
  })
  const { page } = await open(browser, server.url, '/credentials')
  await page.getByText('To be authorized').waitFor()
  await page.getByRole('button', { name: 'Authorize' }).click()
  await page.getByText('/oauth/callback').waitFor()
  expect(await barriers(page)).toEqual([])
  const opening = page.waitForEvent('popup')
  await page.getByRole('button', { name: 'Open the service' }).click()
  const popup = await opening
  await popup.waitForURL(/code_challenge_method=S256/)
  await page.getByText('Waiting for your answer there').waitFor()
  await page.close()
})

for (const path of [
  '/',
  '/executions',
  '/schedules',
  '/secrets',
  '/credentials',
  '/tokens',
  '/changes',
  '/connectors',
  '/login',
]) {
  for (const dark of [false, true]) {
    test(`${path} has no barriers, ${dark ? 'dark' : 'light'}`, async () => {
      const { page, watched } = await open(browser, server.url, path, { dark })
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.waitForFunction(() => !document.querySelector('[role=status][aria-label=Loading]'))
      expect(await barriers(page)).toEqual([])
      expect(watched.trouble).toEqual([])
      await page.close()
    })
  }
}
