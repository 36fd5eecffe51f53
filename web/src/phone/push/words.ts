export const words = {
  zh: {
    title: '派遣通知',
    on: '已开启：有派遣时手机会响，应用关着也能收到。',
    off: '未开启：应用关着时收不到派遣。',
    denied: '您没有允许通知。要开启，请在手机设置里允许本应用或浏览器发送通知。',
    unsupported: '这个浏览器不能接收通知；请安装到主屏幕，或使用单位提供的应用。上岗时请保持应用打开。',
    not_offered: '本系统没有开通这种推送。上岗时请保持应用打开。',
    why: '通知里只有编号和时限，没有任何个人信息；退出登录或下岗后不再推送。',
    turn_on: '开启通知',
    turn_off: '关闭通知',
    later: '以后再说',
  },
  en: {
    title: 'Notices of offers',
    on: 'On: the phone rings for an offer, also with the app closed.',
    off: 'Off: with the app closed no offer reaches you.',
    denied:
      'Notices are not allowed. To switch them on, allow them for this app or browser in the settings of the phone.',
    unsupported:
      'This browser takes no notices: install the app to the home screen, or use the app of your organisation. Keep it open on duty.',
    not_offered: 'This system does not send that kind of push. Keep the app open on duty.',
    why: 'A notice has numbers and a time limit and nothing about a person; signed out or off duty, none comes.',
    turn_on: 'Switch notices on',
    turn_off: 'Switch notices off',
    later: 'Later',
  },
}
