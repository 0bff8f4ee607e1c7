import { Page } from '~/parts/Page'

export default function Login() {
  return <Page title="Sign in">{null}</Page>
}
