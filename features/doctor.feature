Feature: Doctor
  The doctor tries what a stream does on a small scale, says what is missing and how to fix it, and leaves nothing behind.

  Scenario: No program is installed
    Given a machine on which nothing is installed
    When "doctor --offline" is called
    Then it exits with 6 and says "MISSING  Xvfb            the virtual display: not installed"
    And it says in this order
      """
      MISSING  display         Xvfb is not installed
      skipped  letters         not tried
      ok       state
      Install what is missing:
      apt install xvfb openbox xterm ffmpeg scrot
      """

  Scenario: An unusable folder is named with a fix
    Given RETAKE_FLOW_STATE is set to /dev/null/owl
    When "doctor --offline" is called
    Then it exits with 6 and says "the folder /dev/null/owl cannot be made: Not a directory"

  Scenario Outline: Unusable settings are refused before a run begins
    Given <variable> is set to <value>
    When "run heartbeat.yaml" is called
    Then it exits with 2 and says "<words>"

    Examples:
      | variable      | value                  | words                                                |
      | HTTPS_PROXY   | socks5://127.0.0.1:1080 | HTTPS_PROXY names a SOCKS proxy                     |
      | SSL_CERT_FILE | /nowhere/ca.pem        | SSL_CERT_FILE is '/nowhere/ca.pem', which cannot be read |
