export const words = {
  zh: {
    heading: '登录指挥中心', login: '登录名', password: '口令', code: '动态口令', code_hint: '手机动态口令应用上的 6 位数字，或一个恢复码', go: '登录', going: '正在登录…',
    setup: {
      heading: '绑定动态口令', why: '您的岗位须使用动态口令。请在手机的动态口令应用中录入下面的密钥，再填入应用显示的 6 位数字。',
      secret: '密钥', begin: '获取密钥', confirm: '确认绑定', codes: '恢复码（只显示这一次，请抄下保存）', done: '我已保存，重新登录', link: '在本机的动态口令应用中打开',
    },
    demo: '演示账号见 .local/demo-accounts.json',
  },
  en: {
    heading: 'Sign in to the control room', login: 'Login', password: 'Password', code: 'One-time code', code_hint: 'The six digits your phone shows, or a recovery code', go: 'Sign in', going: 'Signing in…',
    setup: {
      heading: 'Set up the second factor', why: 'Your role needs a second factor. Enter this key in an app for one-time codes on your phone, then type the six digits it shows.',
      secret: 'Key', begin: 'Get the key', confirm: 'Confirm', codes: 'Recovery codes (shown this once: write them down)', done: 'I have kept them: sign in again', link: 'Open in an app on this device',
    },
    demo: 'The demonstration’s sign-ins stand in .local/demo-accounts.json',
  },
}
