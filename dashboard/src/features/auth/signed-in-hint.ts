/**
 * Whether somebody has signed in on this browser. Only a hint that saves a refused request on the public pages: the session
 * itself is an HttpOnly cookie. `null`: nobody ever has, so `/` leads to sign-up.
 */

const KEY = 'peal.signed-in'

export function signedInHint(): 'yes' | 'no' | null {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'yes' || value === 'no' ? value : null
  } catch {
    return null
  }
}

export function rememberSignedIn(value: 'yes' | 'no'): void {
  try {
    localStorage.setItem(KEY, value)
  } catch {
    // Without storage the public pages simply show their forms.
  }
}
