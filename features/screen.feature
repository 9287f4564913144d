Feature: Windows next to the stream log
  A flow can also show a page, a terminal or a video. Their failures never affect the stream.

  Background:
    Given an agent with credentials
    And this flow
      """
      extends: go-live.yaml
      states:
        broadcast:
          activities:
            page:  {do: studio.page, needs: window_manager, with: {folder: page}}
            work:  {do: studio.terminal, needs: window_manager, with: {command: [tmux, attach, -r], at: left}}
            music: {do: studio.music, needs: sound, with: {files: ["music/*.mp3"]}}
      """
    And it is to be on air for 2m

  Scenario Outline: A window that dies is restarted, and the stream continues
    Given the <part> is killed 20 s into on_air
    When the agent goes live
    Then the run is completed
    And it was on air for 120 s
    And the <part> was started 2 times
    And 1 stream keys were issued and 1 used, none of them twice
    And it leaves nothing behind

    Examples:
      | part     |
      | page     |
      | terminal |
      | player   |

  Scenario Outline: The stream continues without a window that cannot be restarted
    Given the page <trouble> from its second start on
    And the page is killed 20 s into on_air
    When the agent goes live
    Then the run is completed
    And it was on air for 120 s
    And 1 stream keys were issued and 1 used, none of them twice
    And it leaves nothing behind

    Examples:
      | trouble    |
      | is missing |
