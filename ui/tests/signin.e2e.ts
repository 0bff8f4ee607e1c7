import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, open } from './support/app'
import { type Server, startServer } from './support/server'

const PASSWORD = 'a long enough password'

let server: Server
let browser: Browser

beforeAll(async () => {
  server = await startServer()
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

test('the first user closes the door, signs in, makes a token, and signs out', async () => {
  const { page, watched } = await open(browser, server.url, '/tokens')
  await page.getByText('Nobody is asked who they are').waitFor()
  await page.getByRole('button', { name: 'New user' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('ann')
  await page.getByLabel('Password').first().fill(PASSWORD)
  await page.getByRole('button', { name: 'Save' }).click()

  await page.waitForURL(/\/login/)
  await page.getByRole('textbox', { name: 'User' }).fill('ann')
  await page.getByLabel('Password').first().fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('no user has this name and password').waitFor()
  await page.getByLabel('Password').first().fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()

  await page.getByRole('heading', { name: 'Tokens', level: 1 }).waitFor()
  await page.getByRole('button', { name: 'New token' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('deploys')
  await page.getByRole('button', { name: 'Make the token' }).click()
  await page.getByText(/^prana_/).waitFor()
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('cell', { name: 'deploys', exact: true }).waitFor()

  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in to Prana' }).waitFor()
  expect(watched.trouble).toEqual([])
  await page.close()
})
