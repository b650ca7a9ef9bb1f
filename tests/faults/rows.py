"""Every row of the fault matrix, in the order of its tables, and the tests that prove it.

A row is a promise about one way in which something breaks. `test_rows.py` wants each named test to exist; where a test
has a case for the row, the case's name follows in brackets.
"""

from typing import Final

BEFORE: Final = "test_before_the_answer.py::test_a_failure_of_bedrock_is_the_right_error_with_few_calls"
RAW: Final = (
    "test_before_the_answer.py::test_what_is_no_answer_of_bedrocks_is_an_error_and_its_connection_is_not_used_again"
)
REACH: Final = "test_out_of_reach.py::test_a_bedrock_out_of_reach_is_a_529_within_a_clients_patience"
INSIDE: Final = "test_inside_the_stream.py::test_an_answer_that_breaks_off_is_what_was_said_and_an_error"
ODD: Final = "test_inside_the_stream.py::test_what_is_odd_and_no_fault_leaves_the_answer_whole"
LEAVING: Final = "test_clients.py::test_leaving_frees_bedrocks_side_at_once"
OUTAGE: Final = "test_keys.py::test_in_an_outage_good_keys_go_on_bad_ones_do_not_nobody_waits_long_and_calls_are_few"
MALFORMED: Final = "test_bodies.py::test_what_is_not_strict_json_within_the_limits_is_a_400"

ROWS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Bedrock, before the first event": {
        "TCP refused": (REACH, "test_out_of_reach.py::test_a_bedrock_that_comes_back_is_found_by_itself"),
        "connect hangs, TLS fails, DNS fails": (REACH,),
        "reset before the answer": (BEFORE, RAW),
        "Throttling, ModelNotReady": (
            BEFORE,
            "test_before_the_answer.py::test_how_long_to_wait_is_passed_on_where_bedrock_knows_it",
        ),
        "ServiceUnavailable": (BEFORE,),
        "ServiceQuotaExceeded": (BEFORE,),
        "ModelTimeout": (BEFORE,),
        "InternalServer, ModelError": (BEFORE,),
        "Validation": (BEFORE,),
        "AccessDenied": (BEFORE, "test_log_contract.py::test_no_refusal_of_bedrock_tells_about_the_account"),
        "ResourceNotFound": (BEFORE,),
        "own credentials expired, signature, skew": (BEFORE,),
        "HTML 502, empty 500, bare 403, 200 with JSON, 200 with nothing": (BEFORE, RAW),
        "whole outage": ("test_out_of_reach.py::test_an_outage_is_not_multiplied_by_retries",),
        "silence before the first byte": (
            "test_out_of_reach.py::test_silence_before_the_first_event_is_a_504_at_the_deadline",
            "test_out_of_reach.py::test_silence_behind_the_early_200_ends_in_an_error_event",
        ),
        "count_tokens fails": ("test_before_the_answer.py::test_a_count_that_fails_is_an_estimate_and_never_an_error",),
        "a redirect": ("test_before_the_answer.py::test_nothing_reaches_the_host_that_a_redirect_names",),
    },
    "Bedrock, inside the stream": {
        "the five exception frames": (INSIDE,),
        "exception as first frame": (
            "test_inside_the_stream.py::test_an_exception_as_the_first_frame_is_an_error_status",
        ),
        "FIN or RST inside a frame": (
            INSIDE,
            "test_every_byte.py::test_an_answer_cut_at_any_byte_is_an_error_behind_a_true_beginning",
        ),
        "tidy end inside a frame; tidy end without `messageStop`": (
            INSIDE,
            "test_every_byte.py::test_an_answer_cut_at_any_byte_is_an_error_behind_a_true_beginning",
        ),
        "message CRC, prelude CRC, broken headers, random bytes": (
            INSIDE,
            "test_inside_the_stream.py::test_nothing_behind_damage_is_delivered_and_its_connection_is_closed_at_once",
            "test_every_byte.py::test_no_flipped_bit_is_ever_delivered",
        ),
        "good CRC, broken JSON": (INSIDE,),
        "message-type error": (INSIDE,),
        "frame announcing 1 GiB": (
            INSIDE,
            "test_inside_the_stream.py::test_frames_that_announce_gigabytes_take_no_memory",
        ),
        "the same, not streamed": (INSIDE,),
        "truncated tool JSON": ("test_inside_the_stream.py::test_a_tool_call_cut_by_the_token_limit_says_so",),
        "unknown events, empty deltas, no metadata": (ODD,),
        "silence in mid-stream": (
            "test_inside_the_stream.py::test_silence_in_an_answer_is_filled_with_pings_and_silence_for_good_ends_it",
        ),
        "silence for good": (
            "test_inside_the_stream.py::test_silence_in_an_answer_is_filled_with_pings_and_silence_for_good_ends_it",
        ),
        "pieces of one byte": (
            ODD,
            "test_numbered_deltas.py::test_of_many_numbered_deltas_none_is_lost_doubled_or_reordered",
        ),
        "broken HTTP inside the answer": (
            "test_inside_the_stream.py::test_http_that_breaks_inside_the_answer_ends_it_at_once",
        ),
        "an answer without end": ("test_inside_the_stream.py::test_an_answer_that_never_ends_is_ended",),
    },
    "The client": {
        "leaves before Bedrock answered, in silence, in flow, by reset, unstreamed": (
            LEAVING,
            "test_clients.py::test_the_log_says_when_a_client_left_and_does_not_call_it_an_error",
        ),
        "leaves in its request body": (
            LEAVING,
            "test_clients.py::test_the_log_says_when_a_client_left_and_does_not_call_it_an_error",
        ),
        "half-closes": ("test_clients.py::test_a_client_that_closes_its_sending_half_counts_as_gone",),
        "reads slowly while upstream floods": (
            "test_slow_clients.py::test_a_stalled_reader_holds_bedrock_back_and_then_loses_nothing",
            "test_slow_clients.py::test_stalled_readers_cost_little_memory_each_and_hold_up_nobody",
            "test_slow_clients.py::test_a_reader_that_takes_nothing_for_too_long_is_reset_and_named_in_the_log",
        ),
        "200 abandoned streams": ("test_clients.py::test_abandoned_streams_leave_nothing_behind",),
        "pipelining, 100-continue": (
            "test_clients.py::test_pipelined_requests_are_answered_in_order",
            "test_clients.py::test_pipelined_streams_follow_each_other",
            "test_clients.py::test_a_client_that_asks_before_it_sends_is_told_to_go_on_each_time",
        ),
        "refused request whose body is itself a request, connection kept": (
            "test_clients.py::test_the_body_of_a_refused_request_is_never_taken_for_a_request",
        ),
        "200 long streams plus a newcomer": (
            "test_clients.py::test_a_newcomer_beside_two_hundred_long_streams_is_served_at_once",
            "test_clients.py::test_where_every_place_is_taken_a_newcomer_is_shed_before_its_body_is_read",
        ),
        "storm of 1 000, idle 1 500": (
            "test_process.py::test_a_storm_is_served_or_shed_in_json_and_calm_follows",
            "test_slow_clients.py::test_fifteen_hundred_idle_connections_hold_up_nobody",
        ),
        "slow headers, slow bodies": (
            "test_slow_clients.py::test_single_bytes_do_not_put_off_the_deadline_and_hold_up_nobody",
        ),
    },
    "Process and platform": {
        "SIGTERM with streams": (
            "test_process.py::test_sigterm_lets_open_streams_end_and_refuses_what_is_new",
            "test_process.py::test_the_grace_is_bounded_whoever_does_not_read_or_send_or_ask",
        ),
        "freeze and thaw, pooled connections closed, reset, or silently dead": (
            "test_process.py::test_pooled_connections_that_were_ended_in_a_freeze_cost_nobody_a_request",
            "test_process.py::test_pooled_connections_that_are_dead_without_a_sign_cost_nobody_a_request",
        ),
        "freeze in mid-stream": ("test_process.py::test_a_stream_that_was_open_in_a_freeze_goes_on_whole",),
        "adapter's idle connection across a freeze": (
            "test_process.py::test_behind_the_adapter_the_gateway_is_never_the_one_to_close_an_idle_connection",
        ),
        "TTL across a freeze": (
            "../access/test_secret_store.py::test_the_ttl_ends_by_whichever_clock_says_so",
            "../on_lambda/test_lifetime.py::test_keys_age_while_the_environment_is_frozen",
        ),
        "out of descriptors": (
            "test_process.py::test_without_a_descriptor_it_neither_spins_nor_ends_and_recovers_by_itself",
        ),
        "soak": ("test_soak.py::test_memory_and_descriptors_stay_what_they_were",),
        "cold start twice at once, start without secret": (
            "test_process.py::test_two_cold_starts_at_once_without_keys_are_5xx_and_recover_by_themselves",
        ),
        "out of memory": (
            "../server/test_limits.py::test_bodies_get_what_memory_is_left_and_no_more",
            "../server/test_surface.py::test_a_crowd_of_large_bodies_is_refused_before_it_takes_the_memory",
        ),
    },
    "Keys and Secrets Manager": {
        "1 000 requests, cold cache": ("test_keys.py::test_a_thousand_requests_on_a_cold_cache_are_one_refresh",),
        "rotation": (
            "test_keys.py::test_a_rotated_key_works_on_its_first_use_its_predecessor_still_and_the_one_before_not",
        ),
        "300 wrong keys": ("test_keys.py::test_three_hundred_wrong_keys_are_few_calls",),
        "refused, hangs, 500, throttled, denied, lost, cannot decrypt, nonsense, reset, past the TTL": (OUTAGE,),
        "slow refresh": ("test_keys.py::test_past_the_ttl_one_good_key_waits_for_a_slow_refresh_and_no_other_does",),
        "malformed or empty secret": (
            "test_keys.py::test_a_malformed_secret_changes_nothing_and_a_mended_one_works_at_once",
            "test_keys.py::test_a_start_with_a_malformed_secret_lets_nobody_in",
        ),
        "both headers, odd forms, query string, non-ASCII": (
            "test_keys.py::test_the_exact_key_in_either_header_comes_in",
            "test_keys.py::test_nothing_else_comes_in_wherever_it_stands_and_however_it_is_written",
        ),
        "guessing": ("test_keys.py::test_whoever_guesses_learns_nothing_and_those_with_a_key_do_not_notice",),
        "comparison time": ("../access/test_constant_time.py::test_stored_hashes_are_never_compared_with_equals",),
    },
    "Abuse of the API": {
        "body over the limit, declared or chunked": (
            "test_bodies.py::test_a_body_over_the_limit_is_a_413_and_not_read_to_its_end",
        ),
        "large upload without a key": (
            "test_bodies.py::test_without_a_key_no_upload_is_read",
            "test_bodies.py::test_many_large_uploads_without_a_key_cost_no_memory",
        ),
        "gzip, deflate, br, zstd, double gzip, 20 000 empty members": (
            "test_bodies.py::test_a_compressed_body_is_never_inflated",
        ),
        "depth 100 000; not JSON; NaN; UTF-16; trailing junk": (MALFORMED,),
        "duplicate keys, surrogates, NUL, 5 000 digits, `__proto__`": (
            MALFORMED,
            "test_bodies.py::test_odd_json_is_read_as_what_it_says",
        ),
        "wrong type in each field (121 cases), unknown roles, empty messages": (
            "test_bodies.py::test_there_are_enough_wrong_types",
            "test_bodies.py::test_a_wrong_type_is_a_400_that_names_its_place",
            "test_bodies.py::test_a_conversation_that_says_nothing_is_a_400",
        ),
        "1 MB schema, 3 000 tools": ("test_slow_bodies.py::test_a_schema_of_a_megabyte_and_3_000_tools_are_quick",),
        "model names: `..`, `%2f`, ARNs of other kinds, CRLF, 80 KB": (
            "test_names_and_urls.py::test_no_odd_name_of_a_model_reaches_aws",
            "test_names_and_urls.py::test_nor_does_one_in_the_path_of_the_models",
        ),
        "URL sources, decimal and hex hosts, `file:`, `api_base` and friends": (
            "test_names_and_urls.py::test_no_url_is_fetched_and_each_is_refused_by_its_place",
            "test_names_and_urls.py::test_no_field_header_or_query_chooses_another_upstream",
        ),
        "client headers": ("test_names_and_urls.py::test_of_a_clients_headers_aws_sees_none",),
        "smuggling, 39 payloads": (
            "test_raw_http.py::test_there_are_enough_payloads",
            "test_raw_http.py::test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed",
            "test_raw_http.py::test_the_hidden_request_would_be_answered_if_it_were_read",
        ),
        "huge and many headers, long paths": (
            "test_raw_http.py::test_nothing_of_a_request_comes_back_in_an_answer",
            "test_raw_http.py::test_heads_take_little_memory_before_a_key_has_been_seen",
        ),
        "CORS": ("test_raw_http.py::test_no_origin_is_allowed_in",),
        "path and Host tricks, other methods": (
            "test_raw_http.py::test_no_way_of_writing_a_path_leads_past_the_key",
            "test_raw_http.py::test_no_host_and_no_header_stands_for_a_key",
            "test_raw_http.py::test_no_method_is_answered_without_a_key_but_what_everybody_may_see",
        ),
        "exploding patterns": (
            "test_slow_bodies.py::test_no_body_takes_long_to_answer",
            "test_slow_bodies.py::test_no_sentence_of_bedrock_takes_long_to_pass_on",
        ),
        "fuzz, 800 seeded bodies": (
            "test_mutated_requests.py::test_no_mutated_request_is_answered_with_a_fault_of_ours",
        ),
        "log forging, keys, prompts, escapes": (
            "test_log_contract.py::test_no_client_can_write_a_line_or_an_escape_of_its_own",
            "test_keys_stay_secret.py::test_no_key_is_ever_written_or_answered",
        ),
        "errors that quote AWS": (
            "test_log_contract.py::test_no_refusal_of_bedrock_tells_about_the_account",
            "test_log_contract.py::test_no_answer_names_the_software_behind_it_or_its_version",
        ),
    },
}
