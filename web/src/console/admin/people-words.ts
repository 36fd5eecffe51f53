export const words = {
  zh: {
    add: '新增账号', change: '修改账号', login: '登录名', name: '姓名', roles: '角色', regions: '辖区', team: '所属队伍', noTeam: '无', password: '初始口令（至少 10 位）', state: '状态', active: '在用', inactive: '已停用', factor: '动态口令', factorOn: '已绑定', factorOff: '未绑定',
    since: '建于 {at}', sessions: '登录中的设备', noSessions: '没有登录中的设备', seen: '最近 {at}', device: '设备', newPassword: '新口令', setPassword: '重设口令', unlock: '解除登录限制', resetFactor: '解除动态口令', endSessions: '结束全部登录', deactivate: '停用', activate: '恢复使用',
    sure: '再按一次确认', done: '已完成', find: '姓名、登录名、角色', next: '后一页', hint: '改角色、辖区或停用后，其画面随即断开重连，按新权限显示。',
  },
  en: {
    add: 'Add an account', change: 'Change the account', login: 'Login', name: 'Name', roles: 'Roles', regions: 'Regions', team: 'Rides with', noTeam: 'none', password: 'First password (10 characters at least)', state: 'State', active: 'In use', inactive: 'Deactivated', factor: 'Second factor', factorOn: 'set up', factorOff: 'not set up',
    since: 'made {at}', sessions: 'Signed in on', noSessions: 'Not signed in anywhere', seen: 'seen {at}', device: 'Device', newPassword: 'New password', setPassword: 'Set the password', unlock: 'Lift the lock-out', resetFactor: 'Reset the second factor', endSessions: 'End all sessions', deactivate: 'Deactivate', activate: 'Use again',
    sure: 'Press again to confirm', done: 'Done', find: 'Name, login, role', next: 'Next page', hint: 'With other roles or regions their screens come back with the new rights at once.',
  },
}
