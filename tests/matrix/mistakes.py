"""The known mistakes of others, and the tests that fail when one of them is made here.

Rows of two lists: `messages` is what gateways that put the Messages API on Converse get wrong, `client` what breaks for
users of Claude Code behind other gateways. Each test was seen to fail with the mistake made in a copy of the tree; of
`messages 22` only its half about names, since flips of the rows `content.*.source.url` show the other.
"""

from typing import Final

REQUESTS: Final = "tests/matrix/test_mistakes.py"
REPLIES: Final = "tests/protocol/reply/test_known_mistakes.py"

# List and row, what is got wrong, and its tests.
MISTAKES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "messages 1",
        "redacted thinking is passed on undecoded, or dropped",
        (f"{REPLIES}::test_row_1_redacted_thinking_is_decoded_for_the_client_and_encoded_again_for_bedrock",),
    ),
    (
        "messages 2",
        "reasoning is read from the wrong member, its signature lost",
        (f"{REPLIES}::test_row_2_a_signature_survives_the_round_trip_with_its_text",),
    ),
    (
        "messages 3",
        "empty thinking with a signature is refused",
        (f"{REPLIES}::test_row_3_empty_thinking_with_a_signature_is_given_and_taken_back",),
    ),
    (
        "messages 4",
        "a stream without messageStop is a success",
        (
            f"{REPLIES}::test_row_4_an_answer_without_message_stop_is_never_a_success",
            "tests/protocol/reply/test_properties.py::test_a_cut_stream_is_never_passed_off_as_whole",
        ),
    ),
    (
        "messages 5",
        "exceptions inside the stream are passed over, or all 400",
        (
            f"{REPLIES}::test_row_5_each_exception_inside_the_stream_has_its_own_type",
            "tests/server/test_error_table.py::test_an_exception_inside_the_stream_is_an_error_event_after_what_was_said",
        ),
    ),
    (
        "messages 6",
        "pieces of a tool's input are lost",
        (f"{REPLIES}::test_row_6_no_piece_of_a_tools_input_is_lost",),
    ),
    (
        "messages 7",
        "stop_sequence becomes end_turn",
        (f"{REPLIES}::test_row_7_a_stop_sequence_is_no_end_of_turn",),
    ),
    (
        "messages 8",
        "new stop reasons are not handled",
        (
            f"{REPLIES}::test_row_8_every_stop_reason_is_known_and_a_new_one_reaches_the_client",
            "tests/protocol/reply/test_stop_reasons.py::test_every_stop_reason_of_botocores_model_has_a_row",
        ),
    ),
    (
        "messages 9",
        "a throttle is taken for an overflow",
        (
            f"{REPLIES}::test_row_9_a_throttle_is_never_an_overflow",
            "tests/protocol/reply/test_limit_sentences.py::test_a_throttle_is_never_an_overflow",
        ),
    ),
    (
        "messages 10",
        "toolConfig is missing although the history has tool blocks",
        (f"{REQUESTS}::test_row_10_tool_history_without_tools_gets_its_tool_config",),
    ),
    (
        "messages 11",
        "blank text, or a blank placeholder",
        (f"{REQUESTS}::test_row_11_blank_text_is_taken_out_and_nothing_blank_put_in_its_place",),
    ),
    (
        "messages 12",
        "document names that are illegal or come twice",
        (f"{REQUESTS}::test_row_12_document_names_are_legal_unique_and_stay_as_the_conversation_grows",),
    ),
    (
        "messages 13",
        "tool names with dots, or over 64 characters",
        (
            f"{REQUESTS}::test_row_13_a_name_that_bedrock_refuses_is_another_one_there_and_the_same_for_the_client",
            "tests/protocol/request/test_wire_names.py::test_every_tool_name_survives_the_round_trip",
        ),
    ),
    (
        "messages 14",
        "schemas without a type, or with a rewritten anyOf",
        (f"{REQUESTS}::test_row_14_a_schema_gets_the_type_that_bedrock_wants_and_is_otherwise_the_callers",),
    ),
    (
        "messages 15",
        "betas that the model does not take are passed on",
        (f"{REQUESTS}::test_row_15_no_beta_goes_to_a_model_that_does_not_take_it",),
    ),
    (
        "messages 16",
        "notes in the middle are hoisted, and the cache is lost",
        (f"{REQUESTS}::test_row_16_a_note_of_the_operators_stays_in_its_place",),
    ),
    (
        "messages 17",
        "cache points in the wrong order or place",
        (f"{REQUESTS}::test_row_17_cache_points_keep_their_ttl_and_stand_where_bedrock_takes_them",),
    ),
    (
        "messages 18",
        "tokens are counted with the id of a profile",
        (f"{REQUESTS}::test_row_18_tokens_are_counted_by_the_base_id_and_not_by_the_profile",),
    ),
    (
        "messages 19",
        "a read timeout of 60 s",
        (f"{REQUESTS}::test_row_19_bedrock_may_be_silent_for_ten_minutes",),
    ),
    (
        "messages 20",
        "metadata is expected before messageStop, or behind it",
        (f"{REPLIES}::test_row_20_the_order_of_metadata_and_message_stop_decides_nothing",),
    ),
    (
        "messages 21",
        "the ttl of a cache mark is dropped",
        (f"{REQUESTS}::test_row_21_the_ttl_of_a_cache_mark_is_sent",),
    ),
    (
        "messages 22",
        "a document by URL goes out as one in S3, or without a name",
        (f"{REQUESTS}::test_row_22_a_document_by_url_is_refused_and_one_without_a_title_gets_a_name",),
    ),
    (
        "client 1",
        "context_management is passed on",
        (f"{REQUESTS}::test_client_row_1_context_management_is_taken_out_and_named",),
    ),
    (
        "client 2",
        "invalid beta flag after an update of the client",
        (
            f"{REQUESTS}::test_client_row_2_a_beta_that_bedrock_refuses_after_an_update_costs_no_answer",
            "tests/server/test_betas.py::test_the_betas_of_claude_code_get_no_refusal_from_any_model",
        ),
    ),
    (
        "client 3",
        "defer_loading is passed on",
        (f"{REQUESTS}::test_client_row_3_a_deferred_tool_does_not_send_its_field",),
    ),
    (
        "client 4",
        "cache_control.scope, the suffix [1m] or a new name is refused",
        (f"{REQUESTS}::test_client_row_4_a_scope_a_suffix_and_a_new_name_are_served",),
    ),
    (
        "client 5",
        "a message of role system is refused",
        (f"{REQUESTS}::test_client_row_5_a_system_message_in_the_middle_is_taken_on_every_model",),
    ),
    (
        "client 6",
        "silence during thinking",
        (
            f"{REQUESTS}::test_client_row_6_a_client_hears_something_while_the_model_thinks",
            "tests/server/test_streaming.py::test_silence_is_filled_with_pings",
        ),
    ),
    (
        "client 7",
        "long tool names, documents of one name, tool_choice none",
        (f"{REQUESTS}::test_client_row_7_long_names_same_documents_and_no_choice_go_together",),
    ),
    (
        "client 8",
        "thinking is lost or put elsewhere",
        (f"{REQUESTS}::test_client_row_8_thinking_keeps_its_place_among_texts_and_calls",),
    ),
    (
        "client 9",
        "a delta for a block that was never opened with its type",
        (f"{REQUESTS}::test_client_row_9_every_delta_belongs_to_a_block_that_was_opened_with_its_type",),
    ),
    (
        "client 10",
        "cache points and betas for models that are no Claude",
        (f"{REQUESTS}::test_client_row_10_other_models_get_no_cache_points_and_no_betas",),
    ),
)
