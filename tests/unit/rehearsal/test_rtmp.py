"""Reading RTMP: chunks of every form and size, and bytes that are none."""

import asyncio
import io
import shutil
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.rehearsal import rtmp
from retake_flow.rehearsal.ingest import Recording, frames
from retake_flow.rehearsal.rtmp import Message, MessageReader

messages = st.builds(
    Message,
    kind=st.sampled_from([rtmp.AUDIO, rtmp.VIDEO, rtmp.DATA, rtmp.COMMAND]),
    timestamp=st.integers(0, 0xFFFFFFFF),
    stream=st.integers(0, 3),
    payload=st.binary(max_size=300),
)


def read_all(data):
    """All messages in some bytes, and what ended the reading."""

    async def main():
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        reader, found = MessageReader(stream), []
        try:
            while True:
                found.append(await reader.read())
        except (ValueError, EOFError) as error:
            return found, error

    return asyncio.run(main())


def chunked(message, size, number=5):
    """A message in chunks of type 0 and 3."""
    time = min(message.timestamp, 0xFFFFFF)
    extended = struct.pack(">I", message.timestamp) if time == 0xFFFFFF else b""
    head = bytes([number]) + time.to_bytes(3) + len(message.payload).to_bytes(3) + bytes([message.kind])
    parts = [message.payload[at : at + size] for at in range(0, len(message.payload), size)] or [b""]
    first = head + struct.pack("<I", message.stream) + extended + parts[0]
    return first + b"".join(bytes([0xC0 | number]) + extended + part for part in parts[1:])


@given(st.lists(messages, max_size=6), st.integers(1, 400))
def test_messages_survive_being_cut_into_chunks(sent, size):
    """Whatever the chunk size and however late the time, messages are read as they were sent."""
    announcement = chunked(Message(rtmp.SET_CHUNK_SIZE, 0, 0, struct.pack(">I", size)), 128, number=2)
    found, end = read_all(announcement + b"".join(chunked(message, size) for message in sent))
    assert found == sent
    assert isinstance(end, EOFError)


@given(st.binary(max_size=400))
def test_garbage_ends_in_a_known_way(data):
    """Any bytes are messages, a ValueError or the end of the stream; nothing else comes out of the reader."""
    found, _ = read_all(data)
    for message in found:
        try:
            rtmp.command(message)
        except ValueError:
            continue


def test_a_message_without_a_header_goes_on_by_the_same_step():
    """A chunk of type 3 that begins a message adds the last step to the time, so that audio does not drift."""
    first = chunked(Message(rtmp.AUDIO, 100, 1, b"aa"), 128)
    step = bytes([0x40 | 5]) + (23).to_bytes(3) + (2).to_bytes(3) + bytes([rtmp.AUDIO]) + b"bb"
    same = bytes([0x80 | 5]) + (24).to_bytes(3) + b"cc"
    bare = bytes([0xC0 | 5]) + b"dd"
    found, _ = read_all(first + step + same + bare + bare)
    assert [message.timestamp for message in found] == [100, 123, 147, 171, 195]


def test_chunks_of_two_streams_may_alternate():
    """Parts of audio and video that come in turns are put together apart."""
    video, audio = Message(rtmp.VIDEO, 5, 1, b"v" * 200), Message(rtmp.AUDIO, 6, 1, b"a" * 200)
    one, two = chunked(video, 128, 6), chunked(audio, 128, 4)
    cut = 12 + 128
    found, _ = read_all(one[:cut] + two[:cut] + one[cut:] + two[cut:])
    assert found == [video, audio]


def test_an_aborted_message_is_forgotten():
    """After an abort the stream of chunks begins anew."""
    begun = chunked(Message(rtmp.VIDEO, 5, 1, b"v" * 200), 128)[:140]
    abort = chunked(Message(rtmp.ABORT, 0, 0, struct.pack(">I", 5)), 128, number=2)
    whole = Message(rtmp.VIDEO, 9, 1, b"w")
    assert read_all(begun + abort + chunked(whole, 128))[0] == [whole]


@pytest.mark.parametrize("data", [b"\xc5", bytes([5]) + b"\xff" * 11, chunked(Message(rtmp.ABORT, 0, 0, b""), 9)])
def test_what_cannot_be_rtmp_is_refused(data):
    """A chunk that refers to nothing, a message without measure and a bare control message are refused."""
    assert type(read_all(data)[1]) is ValueError


@pytest.mark.parametrize(
    ("kind", "payload", "count"),
    [
        (rtmp.VIDEO, b"\x17\x01\x00\x00\x00x", 1),
        (rtmp.VIDEO, b"\x27\x01\x00\x00\x00x", 1),
        (rtmp.VIDEO, b"\x17\x00\x00\x00\x00x", 0),
        (rtmp.VIDEO, b"\x17\x02\x00\x00\x00", 0),
        (rtmp.VIDEO, b"", 0),
        (rtmp.AUDIO, b"\xaf\x01x", 0),
    ],
)
def test_only_coded_pictures_are_frames(kind, payload, count):
    """Parameters of the codec and audio are no frames: they make nobody live."""
    assert frames(Message(kind, 0, 1, payload)) == count


def test_a_recording_holds_each_message_as_a_tag(tmp_path):
    """The file has FLV's header, and each tag its time with the high byte apart and its size behind it."""
    recording = Recording(tmp_path / "recordings" / "push.flv")
    recording.write(Message(rtmp.DATA, 0, 1, b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData"))
    recording.write(Message(rtmp.VIDEO, 0x01020304, 1, b"vid"))
    recording.close()
    file = io.BytesIO(recording.path.read_bytes())
    assert file.read(13) == b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
    assert file.read(11 + 13 + 4) == b"\x12\x00\x00\x0d" + bytes(7) + b"\x02\x00\x0aonMetaData" + b"\x00\x00\x00\x18"
    assert file.read() == b"\x09\x00\x00\x03\x02\x03\x04\x01\x00\x00\x00vid\x00\x00\x00\x0e"


def test_nothing_recorded_is_no_file(tmp_path):
    """A push without a message leaves no empty file."""
    recording = Recording(tmp_path / "push.flv")
    recording.close()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_was_removed_begins_anew_with_what_a_player_needs(tmp_path):
    """Its folder too; metadata and the codecs' settings are sent once, so the new file repeats them."""
    recording = Recording(tmp_path / "recordings" / "push.flv")
    settings = [
        Message(rtmp.DATA, 0, 1, b"\x02\x00\x0aonMetaData"),
        Message(rtmp.VIDEO, 0, 1, b"\x17\x00\x00\x00\x00avc"),
        Message(rtmp.AUDIO, 0, 1, b"\xaf\x00aac"),
    ]
    for message in settings:
        recording.write(message)
    begun = recording.path.read_bytes()
    recording.write(Message(rtmp.VIDEO, 40, 1, b"\x27\x01\x00\x00\x00before"))
    shutil.rmtree(recording.path.parent)
    recording.write(Message(rtmp.VIDEO, 80, 1, b"\x27\x01\x00\x00\x00after"))
    recording.close()
    content = recording.path.read_bytes()
    assert content.startswith(begun)
    assert b"after" in content
    assert b"before" not in content


def test_a_full_disk_leaves_whole_messages(tmp_path, monkeypatch):
    """What was written of one that had no room is taken back, and when there is room again the file goes on."""
    recording = Recording(tmp_path / "push.flv")
    recording.write(Message(rtmp.VIDEO, 0, 1, b"one"))
    whole = recording.path.read_bytes()
    real = recording._file

    class Full:
        def __getattr__(self, name):
            return getattr(real, name)

        def write(self, data):
            return real.write(data[:5])

    recording._file = Full()
    with pytest.raises(OSError, match="No space"):
        recording.write(Message(rtmp.VIDEO, 40, 1, b"two"))
    assert recording.path.read_bytes() == whole
    recording._file = real
    recording.write(Message(rtmp.VIDEO, 80, 1, b"three"))
    recording.close()
    assert recording.path.read_bytes().startswith(whole)
    assert b"three" in recording.path.read_bytes()
