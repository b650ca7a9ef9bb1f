"""The promises about keys and about the end of an answer, each with a change of one place that breaks it, and its test.

`mutants.py` makes the change in a copy of the gateway and demands that the test fails. What is surprising: the text is
found by its exact words, once, so that a mutation cannot quietly stop mutating. Whoever edits such a place edits its
row here, or takes it out together with the promise.
"""

from dataclasses import dataclass
from typing import Final

ACCESS: Final = "gateway/access.py"
KEY_RING: Final = "gateway/key_ring.py"
SECRET_STORE: Final = "gateway/secret_store.py"
HANDLERS: Final = "gateway/handlers.py"
INTAKE: Final = "gateway/intake.py"
EVENTSTREAM: Final = "gateway/protocol/eventstream.py"
FROM_CONVERSE: Final = "gateway/protocol/from_converse.py"
REPLY_BLOCKS: Final = "gateway/protocol/reply_blocks.py"
ACCUMULATE: Final = "gateway/protocol/accumulate.py"
STREAMING: Final = "gateway/streaming.py"
ENDING: Final = "gateway/ending.py"
BEDROCK: Final = "gateway/upstreams/bedrock.py"
STREAM: Final = "gateway/upstreams/stream.py"
TAP: Final = "gateway/upstreams/tap.py"
HTTP_EXCHANGE: Final = "gateway/http_exchange.py"
HTTP_SESSION: Final = "gateway/http_session.py"
MIDDLEWARE: Final = "gateway/middleware.py"
APP: Final = "gateway/app.py"
ROUNDS: Final = "gateway/rounds.py"

IN_GATEKEEPER: Final = "tests/access/test_gatekeeper.py::test_"
IN_KEY_RING: Final = "tests/access/test_key_ring.py::test_"
IN_SECRET_STORE: Final = "tests/access/test_secret_store.py::test_"
IN_MOTO: Final = "tests/access/test_keys_in_moto.py::test_"
IN_EVENTSTREAM: Final = "tests/protocol/test_eventstream.py::test_"
IN_TRANSLATION: Final = "tests/protocol/reply/test_translation.py::test_"
IN_MISTAKES: Final = "tests/protocol/reply/test_known_mistakes.py::test_"
IN_ACCUMULATE: Final = "tests/protocol/reply/test_accumulate.py::test_"
IN_SURFACE: Final = "tests/server/test_surface.py::test_"
IN_SERVE: Final = "tests/server/test_serve.py::test_"
IN_TAP: Final = "tests/server/test_tap.py::test_"
IN_EXCHANGE: Final = "tests/server/test_exchange.py::test_"
IN_STREAMING: Final = "tests/server/test_streaming.py::test_"
IN_UPSTREAM: Final = "tests/server/test_upstream.py::test_"
IN_ERRORS: Final = "tests/server/test_error_table.py::test_"
IN_FREEZE: Final = "tests/server/test_freeze.py::test_"
IN_ENDINGS: Final = "tests/faults/test_endings.py::test_"
IN_BROKEN_STREAMS: Final = "tests/faults/test_inside_the_stream.py::test_"


@dataclass(frozen=True, slots=True)
class Mutation:
    """`name` says which promise is broken. `test`: the one that must fail, a whole function or one of its cases."""

    name: str
    path: str
    old: str
    new: str
    test: str


# The copy must be what is tested, and not the gateway that is installed for development.
THE_COPY: Final = Mutation(
    "the copy is not what is tested",
    "gateway/__init__.py",
    '__version__ = "',
    '__version__ = "broken on purpose ',
    "tests/test_docs.py::test_the_readme_shows_the_current_version",
)

WHO_COMES_IN: Final = (
    Mutation(
        "an unknown key comes in",
        ACCESS,
        'raise Unauthenticated(UNKNOWN_KEY, fault="key_refused")',
        'return Caller("anybody")',
        f"{IN_SURFACE}without_a_good_key_nothing_is_answered",
    ),
    Mutation(
        "an expired key comes in",
        ACCESS,
        "return entry.expires is None or self._wall() < entry.expires",
        "return True",
        f"{IN_GATEKEEPER}a_key_ends_at_its_expiry_by_the_wall_clock",
    ),
    Mutation(
        "no key is compared as the empty one",
        ACCESS,
        'raise Unauthenticated(NO_KEY, fault="key_refused")',
        'return [hash_key("")]',
        f"{IN_GATEKEEPER}everything_else_is_a_401_that_says_how_and_does_not_repeat_what_was_sent",
    ),
    Mutation(
        "only the first stored hash is compared",
        ACCESS,
        "for entry in entries if hmac",
        "for entry in entries[:1] if hmac",
        f"{IN_GATEKEEPER}the_callers_models_come_from_the_secret",
    ),
    Mutation(
        "the comparison ends at the first match",
        ACCESS,
        "return [entry for key_hash in hashes for entry in entries if hmac.compare_digest(entry.key_hash, key_hash)]",
        "return next(([entry] for key_hash in hashes for entry in entries "
        "if hmac.compare_digest(entry.key_hash, key_hash)), [])",
        f"{IN_GATEKEEPER}every_candidate_is_compared_with_every_key_wherever_it_matches",
    ),
    Mutation(
        "hashes are compared in a time that tells where they differ",
        ACCESS,
        "hmac.compare_digest(entry.key_hash, key_hash)",
        "entry.key_hash == key_hash",
        "tests/access/test_constant_time.py::test_stored_hashes_are_never_compared_with_equals",
    ),
    Mutation(
        "any scheme of authorization is taken for a key",
        ACCESS,
        'return token.strip(" \\t") if scheme.lower() == "bearer" else ""',
        'return token.strip(" \\t")',
        f"{IN_GATEKEEPER}everything_else_is_a_401_that_says_how_and_does_not_repeat_what_was_sent",
    ),
    Mutation(
        "a key may be used for every model",
        ACCESS,
        "return not self.models or any(",
        "return True or any(",
        f"{IN_SURFACE}a_key_for_some_models_may_not_use_others_under_any_name",
    ),
    Mutation(
        "guessing is never slowed",
        ACCESS,
        "if not self._wrong_keys.take():",
        "if not (self._wrong_keys.take() or True):",
        f"{IN_GATEKEEPER}guessing_is_slowed_for_all_and_no_right_key_is_affected",
    ),
    Mutation(
        "a slowed guess keeps its connection",
        MIDDLEWARE,
        'if "connection" in error.headers:',
        "if error.headers is None:",
        "tests/faults/test_keys.py::test_a_slowed_guess_is_a_429_that_ends_its_connection",
    ),
    Mutation(
        "each guess may have the secret read",
        ACCESS,
        "return bool(matches) or not self._wrong_keys.is_empty()",
        "return True",
        f"{IN_SECRET_STORE}while_somebody_guesses_a_wrong_key_reads_nothing_even_if_a_read_is_due",
    ),
    Mutation(
        "the previous key never ends",
        ACCESS,
        "ends = secret.current_created + self._previous_grace_seconds",
        "ends = None",
        f"{IN_MOTO}the_previous_key_ends_with_its_grace",
    ),
    Mutation(
        "a list that was replaced stays valid",
        ACCESS,
        "not (current.is_single and previous.is_single)",
        "not current.is_single",
        f"{IN_MOTO}a_single_key_gives_its_list_predecessor_no_grace",
    ),
    Mutation(
        "empty and short keys are valid",
        KEY_RING,
        "if not isinstance(key, str) or not could_be_key(key):",
        "if not isinstance(key, str):",
        f"{IN_KEY_RING}a_key_that_could_not_be_sent_or_could_be_guessed_never_becomes_valid",
    ),
    Mutation(
        "an expiry that cannot be read lets in for ever",
        KEY_RING,
        'raise ValueError("has an expires that is neither a date (2027-01-31) nor a date with time") from None',
        "return None",
        f"{IN_KEY_RING}an_expiry_that_cannot_be_read_shuts_the_key_out_and_not_in",
    ),
    Mutation(
        "an empty list of models allows all",
        KEY_RING,
        "if not isinstance(models, list) or not models or not all(",
        "if not isinstance(models, list) or not all(",
        f"{IN_KEY_RING}models_that_cannot_be_read_shut_the_key_out",
    ),
    Mutation(
        "the body is read before the key is checked",
        HANDLERS,
        "    caller = await authenticate(request)\n    with app[ADMISSION].enter() as place:\n"
        "        call = await understand(request, await read_body(request, place), caller, parse)",
        "    with app[ADMISSION].enter() as place:\n        body_first = await read_body(request, place)\n"
        "        caller = await authenticate(request)\n"
        "        call = await understand(request, body_first, caller, parse)",
        f"{IN_SURFACE}a_wrong_key_is_refused_before_the_body_has_come",
    ),
    Mutation(
        "the body is asked for before the key is checked",
        APP,
        ", dispatch, expect_handler=expect_nothing)",
        ", dispatch)",
        f"{IN_SURFACE}the_body_is_asked_for_only_after_the_key_has_been_checked",
    ),
    Mutation(
        "tokens are counted without a key",
        HANDLERS,
        "caller = await authenticate(request)\n    with request.app[ADMISSION].enter()",
        'caller = __import__("gateway.access").access.Caller("anybody")\n    with request.app[ADMISSION].enter()',
        f"{IN_SURFACE}without_a_good_key_nothing_is_answered",
    ),
    Mutation(
        "models are listed without a key",
        "gateway/listing.py",
        "caller = await authenticate(request)\n    query = read_query(request)",
        'caller = Caller("anybody")\n    query = read_query(request)',
        "tests/server/test_models_endpoint.py::test_without_a_key_nothing_is_listed",
    ),
    Mutation(
        "a body of unknown length has no limit",
        INTAKE,
        "if body_bytes > settings.max_body_bytes:",
        "if body_bytes < 0:",
        f"{IN_SURFACE}a_body_over_the_limit_is_a_413_declared_or_not",
    ),
    Mutation(
        "a body may take for ever",
        INTAKE,
        "asyncio.timeout(settings.body_timeout_seconds)",
        "asyncio.timeout(None)",
        f"{IN_SURFACE}a_body_that_does_not_come_is_a_408",
    ),
    Mutation(
        "more requests than allowed come in",
        ACCESS,
        "if self._inside >= self._limit:",
        "if self._inside < 0:",
        f"{IN_STREAMING}what_is_full_refuses_early_with_529",
    ),
    Mutation(
        "a place is never free again",
        ACCESS,
        "self._inside -= 1",
        "self._inside -= 0",
        f"{IN_GATEKEEPER}a_place_is_free_again_however_its_request_ended",
    ),
    Mutation(
        "bodies in memory have no bound",
        ACCESS,
        "if others and self._held_bytes + more_bytes > self._bodies_bytes:",
        "if others < 0:",
        f"{IN_GATEKEEPER}bodies_are_held_up_to_a_sum_and_whoever_is_alone_is_never_too_much",
    ),
    Mutation(
        "the bodies of ended requests count for ever",
        ACCESS,
        "finally:\n            place.let_go()",
        "finally:",
        f"{IN_GATEKEEPER}bodies_are_held_up_to_a_sum_and_whoever_is_alone_is_never_too_much",
    ),
    Mutation(
        "new requests come in while the process ends",
        ACCESS,
        "self._closed = True",
        "self._closed = False",
        f"{IN_SERVE}a_request_on_an_open_connection_is_refused_during_the_grace",
    ),
)

THE_SECRET: Final = (
    Mutation(
        "an outage of Secrets Manager locks everybody out",
        SECRET_STORE,
        "self._failures += 1",
        "self._failures += 1\n        self._good = None",
        f"{IN_SECRET_STORE}without_that_limit_an_outage_may_last_for_a_month",
    ),
    Mutation(
        "keys that are too old still count",
        SECRET_STORE,
        "return None if too_old else self._good",
        "return self._good",
        f"{IN_SECRET_STORE}keys_that_could_not_be_read_for_too_long_count_no_more",
    ),
    Mutation(
        "a revoked key lives as long as the process is frozen",
        "gateway/clocks.py",
        "return max(now.wall - then.wall, now.monotonic - then.monotonic)",
        "return now.monotonic - then.monotonic",
        f"{IN_SECRET_STORE}the_ttl_ends_by_whichever_clock_says_so[freeze]",
    ),
    Mutation(
        "each wrong key has the secret read",
        SECRET_STORE,
        "return self._early_reads.take()",
        "return True",
        f"{IN_SECRET_STORE}three_hundred_wrong_keys_cost_two_reads_and_one_more_every_five_seconds",
    ),
    Mutation(
        "everybody waits for a Secrets Manager that hangs",
        SECRET_STORE,
        "(self._reading is not None or not self._due())",
        "not self._due()",
        f"{IN_SECRET_STORE}only_the_request_that_reads_waits_for_a_hanging_secrets_manager",
    ),
    Mutation(
        "each of a thousand requests has the secret read",
        SECRET_STORE,
        "while self._reading is not None:",
        "while False:",
        f"{IN_SECRET_STORE}a_thousand_requests_on_a_cold_cache_are_one_read",
    ),
    Mutation(
        "a read that has ended is waited for until it tells so",
        SECRET_STORE,
        "            self._reading = None\n        # Not reached",
        '            asyncio.get_running_loop().call_soon(setattr, self, "_reading", None)\n        # Not reached',
        f"{IN_SECRET_STORE}whoever_comes_in_any_turn_of_a_read_is_judged[4]",
    ),
    Mutation(
        "an outage of the previous version ends its grace",
        SECRET_STORE,
        "return good.previous if good.current == current else good.current",
        "return None",
        f"{IN_SECRET_STORE}an_outage_of_the_previous_version_alone_does_not_end_its_grace",
    ),
)

WHAT_IS_WHOLE: Final = (
    Mutation(
        "a cut stream is passed off as whole",
        FROM_CONVERSE,
        "if self.stop_reason is None:\n            raise UpstreamProtocolError(",
        "if self.stop_reason is None:\n"
        '            self.stop_reason, self._stop = "end_turn", {"stopReason": "end_turn"}\n'
        "        if self.stop_reason is None:\n            raise UpstreamProtocolError(",
        f"{IN_MISTAKES}row_4_an_answer_without_message_stop_is_never_a_success",
    ),
    Mutation(
        "half of a message is returned as a message",
        ACCUMULATE,
        "if not self._whole:",
        "if not (self._whole or self._message):",
        f"{IN_ACCUMULATE}a_stream_that_was_not_whole_does_not_accumulate",
    ),
    Mutation(
        "a broken tool call is part of a whole message",
        ACCUMULATE,
        "if not truncated:",
        "if text is None:",
        f"{IN_ACCUMULATE}a_broken_tool_call_is_never_part_of_a_whole_reply",
    ),
    Mutation(
        "an exception in the stream is passed over",
        FROM_CONVERSE,
        "self._raise_for(headers, raw_payload)",
        'return b""',
        f"{IN_TRANSLATION}an_exception_in_the_stream_ends_it_after_what_was_said",
    ),
    Mutation(
        "the end goes out before the tokens are counted",
        FROM_CONVERSE,
        "return closing if self._metadata is None else closing + self._end()",
        "return closing + self._end()",
        f"{IN_MISTAKES}row_20_the_order_of_metadata_and_message_stop_decides_nothing",
    ),
    Mutation(
        "something follows the end of a message",
        FROM_CONVERSE,
        "if self.done:\n                return\n            # Nearly",
        "# Nearly",
        f"{IN_TRANSLATION}nothing_after_the_end_is_translated_twice",
    ),
    Mutation(
        "a malformed answer is an end of turn",
        FROM_CONVERSE,
        "if reason in MALFORMED:",
        "if reason in ():",
        "tests/protocol/reply/test_stop_reasons.py::test_a_malformed_answer_is_an_error_and_never_an_end_of_turn",
    ),
    Mutation(
        "an event that is not JSON is an empty one",
        FROM_CONVERSE,
        'raise UpstreamProtocolError("Bedrock sent an event that is not JSON.") from error',
        "payload = {}",
        f"{IN_TRANSLATION}a_stream_that_breaks_its_rules_is_an_error",
    ),
    Mutation(
        "a delta without its content is passed over",
        REPLY_BLOCKS,
        'raise UpstreamProtocolError("Bedrock sent a delta without its content.")',
        "return closing",
        f"{IN_TRANSLATION}a_stream_that_breaks_its_rules_is_an_error",
    ),
    Mutation(
        "content of an unknown kind is left out",
        REPLY_BLOCKS,
        'if "image" in delta or (delta and self._kind == UNDECIDED):',
        'if "image" in ():',
        f"{IN_TRANSLATION}a_stream_that_breaks_its_rules_is_an_error",
    ),
    Mutation(
        "content may follow the end of a message",
        REPLY_BLOCKS,
        "self.ended = True",
        "self.ended = False",
        f"{IN_TRANSLATION}a_stream_that_breaks_its_rules_is_an_error",
    ),
)

DAMAGE: Final = (
    Mutation(
        "the checksum of a frame is not checked",
        EVENTSTREAM,
        "if crc32(buffer[start:crc_at]) != _u32_at(buffer, crc_at)[0]:",
        "if crc_at < 0:",
        f"{IN_EVENTSTREAM}no_flipped_bit_is_ever_delivered",
    ),
    Mutation(
        "the checksum of a frame's length is not checked",
        EVENTSTREAM,
        "if crc32(prelude[:8]) != prelude_crc:",
        "if prelude_crc < 0:",
        f"{IN_BROKEN_STREAMS}a_damaged_length_is_an_error_at_once_and_not_after_a_silence",
    ),
    Mutation(
        "a frame may announce any length",
        EVENTSTREAM,
        "if headers_bytes > MAX_HEADERS_BYTES or total_bytes > MAX_FRAME_BYTES:",
        "if headers_bytes > total_bytes > MAX_FRAME_BYTES:",
        f"{IN_EVENTSTREAM}a_frame_that_announces_too_much_is_refused_at_once",
    ),
    Mutation(
        "half a frame at the end is passed over",
        EVENTSTREAM,
        "if self._pending_bytes:\n            raise FrameCut",
        "if self._pending_bytes < 0:\n            raise FrameCut",
        f"{IN_EVENTSTREAM}a_body_cut_inside_a_frame_is_an_error_and_between_frames_is_not",
    ),
    Mutation(
        "what came before the damage is lost",
        EVENTSTREAM,
        "if not frames:\n                raise",
        "raise",
        f"{IN_EVENTSTREAM}frames_before_the_damage_are_delivered_and_the_damage_is_raised_next",
    ),
    Mutation(
        "what was said before a broken event is lost",
        STREAMING,
        'behind what it writes\n        return b"".join(events), failure',
        'behind what it writes\n        return b"", failure',
        f"{IN_ENDINGS}what_was_said_in_the_same_breath_as_nonsense_is_delivered",
    ),
    Mutation(
        "damage is told only when more bytes come",
        TAP,
        "if self._frames.damage is not None:",
        "if False:",
        f"{IN_TAP}what_is_not_a_chunk_or_not_a_frame_ends_the_answer_at_once[None-a wrong byte behind a frame]",
    ),
    Mutation(
        "damage in what aiohttp reads is told only when more bytes come",
        STREAM,
        "self._decoder.check()",
        "self._decoder",
        f"{IN_UPSTREAM}damage_behind_good_frames_is_an_error_at_once_and_not_after_a_silence",
    ),
    Mutation(
        "a chunk may be longer than it says",
        TAP,
        "if not LINE_END[-self._line_end_left :].startswith(line_end):",
        "if False:",
        f"{IN_TAP}a_chunk_that_does_not_end_where_it_says_is_refused[3]",
    ),
    Mutation(
        "a body that is cut is waited for",
        TAP,
        "if self._body is not None:\n            self._body.set_exception(",
        "if self._body is None:\n            self._body.set_exception(",
        f"{IN_TAP}what_came_before_a_cut_is_given_on_before_it_is_told",
    ),
    Mutation(
        "what waits to be read grows without an end",
        TAP,
        "self._transport.pause_reading()",
        "self._transport.get_protocol()",
        f"{IN_TAP}what_is_not_read_is_left_to_bedrock",
    ),
    Mutation(
        "a connection that breaks is the end of an answer",
        STREAM,
        "raise broken(failure) from failure",
        "return []",
        f"{IN_BROKEN_STREAMS}an_answer_that_breaks_off_is_what_was_said_and_an_error[RST inside a frame-streamed]",
    ),
    Mutation(
        "chunks that break off are waited for",
        HTTP_SESSION,
        "_end_body_with_connection(answer)\n    return answer",
        "return answer",
        f"{IN_TAP}a_refusal_whose_chunks_break_off_is_told_at_once",
    ),
    Mutation(
        "of an answer that came at once the first events wait for the last",
        TAP,
        "if line_end >= 0:",
        "if line_end < 0:",
        f"{IN_TAP}of_an_answer_that_came_at_once_the_first_events_are_read_first",
    ),
    Mutation(
        "the end of an answer waits for the end of Bedrock's body",
        STREAMING,
        "if not stream.has_ended:",
        "if stream.has_ended:",
        f"{IN_ENDINGS}the_end_of_an_answer_does_not_wait_for_that_of_bedrocks_body",
    ),
    Mutation(
        "a stream that has ended is looked at for ever",
        ROUNDS,
        "self._watchers.discard(watcher)",
        "self._watchers.copy()",
        "tests/server/test_rounds.py::test_who_joins_twice_is_looked_at_once_and_who_has_left_never",
    ),
    Mutation(
        "what came behind a head is lost when nobody takes it",
        TAP,
        "if held:\n            self._protocol",
        "if not held:\n            self._protocol",
        f"{IN_TAP}a_body_that_nobody_takes_is_aiohttps",
    ),
    Mutation(
        "an answer behind an answer becomes the next one's",
        TAP,
        "self._protocol.force_close()",
        "self._protocol.start_timeout()",
        f"{IN_TAP}an_answer_behind_an_answer_is_nobodys[True--a frame a chunk]",
    ),
    Mutation(
        "what comes on an idle connection becomes the next one's",
        TAP,
        "self._transport.abort()\n            return",
        "self._transport.get_protocol()",
        f"{IN_TAP}an_answer_behind_an_answer_is_nobodys[False--a frame a chunk]",
    ),
    Mutation(
        "a header may hold a line break",
        HTTP_EXCHANGE,
        'if not head.count("\\n") == head.count("\\r") == len(lines) + 2:',
        'if head.count("\\n") < len(lines) + 2:',
        f"{IN_EXCHANGE}a_line_break_in_a_header_is_never_written[headers1]",
    ),
)

HOW_IT_ENDS: Final = (
    Mutation(
        "an error inside the stream is not told",
        STREAMING,
        "await _write_error(writer, failure, line)",
        "line.note_failure(failure)",
        f"{IN_BROKEN_STREAMS}an_answer_that_breaks_off_is_what_was_said_and_an_error[FIN inside a frame-streamed]",
    ),
    Mutation(
        "behind the error stands the end of a good answer",
        STREAMING,
        'b"event: error\\ndata: %b\\n\\n"',
        'b"event: error\\ndata: %b\\n\\nevent: message_stop\\ndata: {\\"type\\":\\"message_stop\\"}\\n\\n"',
        f"{IN_ERRORS}an_exception_inside_the_stream_is_an_error_event_after_what_was_said",
    ),
    Mutation(
        "an error follows the end of a good answer",
        STREAMING,
        "failure = None if writer.whole else stopped.reason",
        "failure = stopped.reason",
        f"{IN_UPSTREAM}a_whole_answer_stays_whole_when_the_process_ends_right_behind_it",
    ),
    Mutation(
        "the end of the process cuts an answer without a word",
        STREAMING,
        "failure = None if writer.whole else stopped.reason",
        "failure = None",
        f"{IN_SERVE}a_stream_that_outlives_the_grace_ends_with_an_error_event[15]",
    ),
    Mutation(
        "open streams are not told that the process ends",
        APP,
        "app[STOPPING].set()",
        "app[STOPPING].is_set()",
        f"{IN_SERVE}a_stream_that_outlives_the_grace_ends_with_an_error_event[15]",
    ),
    Mutation(
        "the process does not wait for open streams",
        APP,
        "await runner.wait_idle()",
        "await asyncio.sleep(0)",
        f"{IN_SERVE}sigterm_lets_a_stream_end_and_takes_no_new_requests",
    ),
    Mutation(
        "what the headers cannot tell any more is kept silent",
        STREAMING,
        "if writer.committed and (stream.dropped or stream.approximated):",
        "if not writer.committed and (stream.dropped or stream.approximated):",
        "tests/server/test_betas.py::test_a_loss_that_the_headers_cannot_tell_any_more_is_an_error",
    ),
    Mutation(
        "silence is not filled with pings",
        STREAMING,
        "settings.ping_seconds if writer.committed else settings.commit_seconds",
        "1e9 if writer.committed else settings.commit_seconds",
        f"{IN_STREAMING}silence_is_filled_with_pings",
    ),
    Mutation(
        "a late first event leaves the client in silence",
        STREAMING,
        "settings.ping_seconds if writer.committed else settings.commit_seconds",
        "settings.ping_seconds if writer.committed else 1e9",
        f"{IN_STREAMING}a_late_first_event_commits_to_200_and_pings",
    ),
    Mutation(
        "an answer may take for ever",
        ENDING,
        "ends = line.started + limit_seconds",
        "ends = 1e9",
        f"{IN_ENDINGS}an_answer_that_never_ends_is_ended",
    ),
    Mutation(
        "a model may begin whenever it likes",
        STREAM,
        "before_first = asyncio.timeout_at(first_event_by)",
        "before_first = asyncio.timeout_at(None)",
        f"{IN_ENDINGS}a_model_that_does_not_begin_is_given_up",
    ),
    Mutation(
        "silence inside an answer may last for ever",
        BEDROCK,
        "self._silence = Rounds(settings.idle_timeout_seconds)",
        "self._silence = Rounds(86_400.0)",
        f"{IN_ENDINGS}a_silence_that_does_not_end_ends_the_answer",
    ),
    Mutation(
        "Bedrock goes on when the client leaves",
        APP,
        "handler_cancellation=True",
        "handler_cancellation=False",
        f"{IN_ENDINGS}whoever_leaves_in_a_silence_ends_bedrocks_work",
    ),
    Mutation(
        "the connection to Bedrock stays open when the client leaves",
        BEDROCK,
        "finally:\n            stream.close()",
        "finally:\n            pass",
        f"{IN_ENDINGS}whoever_leaves_in_a_silence_ends_bedrocks_work",
    ),
    Mutation(
        "a good answer costs its connection",
        BEDROCK,
        "await stream.drain()",
        "await asyncio.sleep(0)",
        f"{IN_ENDINGS}the_connection_of_a_good_answer_is_used_again",
    ),
    Mutation(
        "a good answer waits for a connection that does not end",
        STREAM,
        "asyncio.timeout(DRAIN_SECONDS)",
        "asyncio.timeout(None)",
        f"{IN_ENDINGS}a_whole_answer_does_not_wait_for_the_end_of_bedrocks_body",
    ),
    Mutation(
        "a client that has left is logged as an answer",
        MIDDLEWARE,
        "line.status = CLIENT_GONE",
        "line.status = 200",
        "tests/faults/test_clients.py::test_the_log_says_when_a_client_left_and_does_not_call_it_an_error[in silence]",
    ),
)

HOW_OFTEN_IT_IS_ASKED: Final = (
    Mutation(
        "redirects are followed",
        HTTP_SESSION,
        "if answer.status in REDIRECTS:",
        "if False:",
        f"{IN_UPSTREAM}a_redirect_is_refused_and_nothing_reaches_the_other_host[307]",
    ),
    Mutation(
        "a throttled request is sent again",
        BEDROCK,
        "frozenset({500, 502, 503})",
        "frozenset({429, 500, 502, 503})",
        f"{IN_UPSTREAM}what_would_be_paid_twice_or_in_vain_is_not_sent_again",
    ),
    Mutation(
        "an outage is multiplied by retries",
        BEDROCK,
        "if not self._retry_budget.take():",
        "if not (self._retry_budget.take() or True):",
        f"{IN_UPSTREAM}a_cut_before_the_answer_costs_one_more_call_and_no_outage_doubles_the_load",
    ),
    Mutation(
        "an answer that broke off after it had begun is asked for again",
        BEDROCK,
        'return Unanswered(CLOSED, "upstream_reset", worth_another_call=False)',
        'return Unanswered(CLOSED, "upstream_reset")',
        f"{IN_UPSTREAM}an_error_whose_body_is_cut_is_a_529_and_not_a_bug",
    ),
    Mutation(
        "connections of before a freeze are used",
        HTTP_SESSION,
        "if self._freezes.thawed() and",
        "if not (self._freezes.thawed() or True) and",
        f"{IN_FREEZE}after_a_freeze_no_old_connection_is_used",
    ),
    Mutation(
        "the eleventh stream waits for another to end",
        BEDROCK,
        "max_pool_connections=settings.max_streams",
        "max_pool_connections=10",
        f"{IN_ENDINGS}an_eleventh_stream_is_answered_beside_ten_others",
    ),
)

MUTATIONS: Final[tuple[Mutation, ...]] = (
    THE_COPY,
    *WHO_COMES_IN,
    *THE_SECRET,
    *WHAT_IS_WHOLE,
    *DAMAGE,
    *HOW_IT_ENDS,
    *HOW_OFTEN_IT_IS_ASKED,
)
