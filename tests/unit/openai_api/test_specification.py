"""Our types against OpenAI's specification: every member of every object, and which are required."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from domicile.openai_api import (
    audio_speech,
    audio_transcript,
    audio_transcription,
    batches,
    chat,
    chat_messages,
    chat_reply,
    chat_tools,
    completions,
    embeddings,
    files,
    images,
    models,
    moderations,
    uploads,
)
from domicile.openai_api.closed import Closed, ModelRequest
from domicile.openai_api.lenient import Lenient

SCHEMAS: dict[str, dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("specification.json").read_text("utf-8")
)["schemas"]

REQUEST: dict[type[Struct], str] = {
    chat.ChatCompletionRequest: "CreateChatCompletionRequest",
    chat.PromptCacheOptions: "PromptCacheOptionsParam",
    chat.WebSearchOptions: "CreateChatCompletionRequest.web_search_options",
    chat.UserLocation: "CreateChatCompletionRequest.web_search_options.user_location",
    chat.ApproximateLocation: "WebSearchLocation",
    chat.AudioOutput: "CreateChatCompletionRequest.audio",
    chat.CustomVoice: "VoiceIdsOrCustomVoice",
    chat.Moderation: "ModerationParam",
    chat.ModerationPolicy: "ModerationPolicyParam",
    chat.ModerationMode: "ModerationConfigParam",
    chat.Prediction: "PredictionContent",
    chat.StreamOptions: "ChatCompletionStreamOptions",
    chat_messages.DeveloperMessage: "ChatCompletionRequestDeveloperMessage",
    chat_messages.SystemMessage: "ChatCompletionRequestSystemMessage",
    chat_messages.UserMessage: "ChatCompletionRequestUserMessage",
    chat_messages.AssistantMessage: "ChatCompletionRequestAssistantMessage",
    chat_messages.ToolMessage: "ChatCompletionRequestToolMessage",
    chat_messages.FunctionMessage: "ChatCompletionRequestFunctionMessage",
    chat_messages.TextPart: "ChatCompletionRequestMessageContentPartText",
    chat_messages.ImagePart: "ChatCompletionRequestMessageContentPartImage",
    chat_messages.ImageUrl: "ChatCompletionRequestMessageContentPartImage.image_url",
    chat_messages.AudioPart: "ChatCompletionRequestMessageContentPartAudio",
    chat_messages.InputAudio: "ChatCompletionRequestMessageContentPartAudio.input_audio",
    chat_messages.FilePart: "ChatCompletionRequestMessageContentPartFile",
    chat_messages.InputFile: "ChatCompletionRequestMessageContentPartFile.file",
    chat_messages.RefusalPart: "ChatCompletionRequestMessageContentPartRefusal",
    chat_messages.PromptCacheBreakpoint: "PromptCacheBreakpointParam",
    chat_messages.EarlierAudio: "ChatCompletionRequestAssistantMessage.audio",
    chat_messages.FunctionToolCall: "ChatCompletionMessageToolCall",
    chat_messages.CalledFunction: "ChatCompletionMessageToolCall.function",
    chat_messages.CustomToolCall: "ChatCompletionMessageCustomToolCall",
    chat_messages.CalledCustomTool: "ChatCompletionMessageCustomToolCall.custom",
    chat_tools.TextResponse: "ResponseFormatText",
    chat_tools.JsonObjectResponse: "ResponseFormatJsonObject",
    chat_tools.JsonSchemaResponse: "ResponseFormatJsonSchema",
    chat_tools.JsonSchema: "ResponseFormatJsonSchema.json_schema",
    chat_tools.FunctionTool: "ChatCompletionTool",
    chat_tools.FunctionDefinition: "FunctionObject",
    chat_tools.CustomTool: "CustomToolChatCompletions",
    chat_tools.CustomDefinition: "CustomToolChatCompletions.custom",
    chat_tools.TextFormat: "CustomToolChatCompletions.custom.format(text)",
    chat_tools.GrammarFormat: "CustomToolChatCompletions.custom.format(grammar)",
    chat_tools.Grammar: "CustomToolChatCompletions.custom.format.grammar",
    chat_tools.AllowedToolsChoice: "ChatCompletionAllowedToolsChoice",
    chat_tools.AllowedTools: "ChatCompletionAllowedTools",
    chat_tools.FunctionToolChoice: "ChatCompletionNamedToolChoice",
    chat_tools.CustomToolChoice: "ChatCompletionNamedToolChoiceCustom",
    chat_tools.NamedTool: "ChatCompletionFunctionCallOption",
    chat_tools.LegacyFunction: "ChatCompletionFunctions",
    completions.CompletionRequest: "CreateCompletionRequest",
    embeddings.EmbeddingRequest: "CreateEmbeddingRequest",
    images.ImageRequest: "CreateImageRequest",
    audio_speech.SpeechRequest: "CreateSpeechRequest",
    audio_transcription.TranscriptionRequest: "CreateTranscriptionRequest",
    audio_transcription.TranslationRequest: "CreateTranslationRequest",
    files.FileForm: "CreateFileRequest",
    uploads.UploadRequest: "CreateUploadRequest",
    uploads.PartForm: "AddUploadPartRequest",
    uploads.CompleteUploadRequest: "CompleteUploadRequest",
    uploads.ExpiresAfter: "FileExpirationAfter",
    batches.CreateBatchRequest: "CreateBatchRequest",
    batches.OutputExpiresAfter: "BatchFileExpirationAfter",
    moderations.ModerationRequest: "CreateModerationRequest",
    moderations.ModerationImagePart: "CreateModerationRequest.input[](image_url)",
    moderations.ModerationImageUrl: "CreateModerationRequest.input[](image_url).image_url",
    moderations.ModerationTextPart: "CreateModerationRequest.input[](text)",
}

REPLY: dict[type[Struct], str] = {
    chat_reply.ChatCompletion: "CreateChatCompletionResponse",
    chat_reply.Choice: "CreateChatCompletionResponse.choices[]",
    chat_reply.ReplyMessage: "ChatCompletionResponseMessage",
    chat_reply.Annotation: "ChatCompletionResponseMessage.annotations[]",
    chat_reply.UrlCitation: "ChatCompletionResponseMessage.annotations[].url_citation",
    chat_reply.FunctionCallReply: "ChatCompletionResponseMessage.function_call",
    chat_reply.AudioReply: "ChatCompletionResponseMessage.audio",
    chat_reply.ChoiceLogprobs: "CreateChatCompletionResponse.choices[].logprobs",
    chat_reply.TokenLogprob: "ChatCompletionTokenLogprob",
    chat_reply.TopLogprob: "ChatCompletionTokenLogprob.top_logprobs[]",
    chat_reply.CompletionUsage: "CompletionUsage",
    chat_reply.CompletionTokensDetails: "CompletionUsage.completion_tokens_details",
    chat_reply.PromptTokensDetails: "CompletionUsage.prompt_tokens_details",
    chat_reply.CustomToolCallReply: "ChatCompletionMessageCustomToolCall.custom",
    chat_reply.ChatCompletionChunk: "CreateChatCompletionStreamResponse",
    chat_reply.ChunkChoice: "CreateChatCompletionStreamResponse.choices[]",
    chat_reply.Delta: "ChatCompletionStreamResponseDelta",
    chat_reply.FunctionCallDelta: "ChatCompletionStreamResponseDelta.function_call",
    chat_reply.ToolCallDelta: "ChatCompletionMessageToolCallChunk",
    models.Model: "Model",
    completions.Completion: "CreateCompletionResponse",
    completions.CompletionChoice: "CreateCompletionResponse.choices[]",
    completions.CompletionLogprobs: "CreateCompletionResponse.choices[].logprobs",
    images.ImageList: "ImagesResponse",
    images.Image: "Image",
    embeddings.EmbeddingList: "CreateEmbeddingResponse",
    embeddings.EmbeddingUsage: "CreateEmbeddingResponse.usage",
    embeddings.Embedding: "Embedding",
    audio_speech.SpeechDelta: "SpeechAudioDeltaEvent",
    audio_speech.SpeechDone: "SpeechAudioDoneEvent",
    audio_speech.SpeechUsage: "SpeechAudioDoneEvent.usage",
    audio_transcript.Transcription: "CreateTranscriptionResponseJson",
    audio_transcript.Logprob: "CreateTranscriptionResponseJson.logprobs[]",
    audio_transcript.VerboseTranscription: "CreateTranscriptionResponseVerboseJson",
    audio_transcript.Translation: "CreateTranslationResponseJson",
    audio_transcript.VerboseTranslation: "CreateTranslationResponseVerboseJson",
    audio_transcript.TranscriptDelta: "TranscriptTextDeltaEvent",
    audio_transcript.TranscriptDone: "TranscriptTextDoneEvent",
    audio_transcript.DurationUsage: "TranscriptTextUsageDuration",
    audio_transcript.TokenUsage: "TranscriptTextUsageTokens",
    audio_transcript.InputTokenDetails: "TranscriptTextUsageTokens.input_token_details",
    audio_transcript.LanguageHeard: "TranscriptionLanguage",
    audio_transcript.Segment: "TranscriptionSegment",
    audio_transcript.Word: "TranscriptionWord",
    files.FileObject: "OpenAIFile",
    files.FileList: "ListFilesResponse",
    files.DeletedFile: "DeleteFileResponse",
    uploads.Upload: "Upload",
    uploads.UploadPart: "UploadPart",
    batches.BatchObject: "Batch",
    batches.BatchErrors: "Batch.errors",
    batches.BatchError: "BatchError",
    batches.RequestCounts: "BatchRequestCounts",
    batches.BatchUsage: "Batch.usage",
    batches.BatchList: "ListBatchesResponse",
    moderations.ModerationReply: "CreateModerationResponse",
    moderations.ModerationResult: "CreateModerationResponse.results[]",
}

# Where we differ on purpose: what we understand besides, and what no answer of ours has.
ADDED = {
    chat_messages.AssistantMessage: {"annotations"},
    models.Model: {"domicile"},
    # In a form, the members of an object are fields of their own.
    files.FileForm: {f"expires_after[{name}]" for name in SCHEMAS["FileExpirationAfter"]["members"]},
    # In the specification's own example, and not in its schema.
    audio_transcript.VerboseTranscription: {"task"},
    audio_transcript.VerboseTranslation: {"task"},
}
LEFT_OUT = {
    # The file goes to the object store while it arrives.
    files.FileForm: {"expires_after", "file"},
    uploads.PartForm: {"data"},
    # Deprecated, and of files that fine-tuning has refused.
    files.FileObject: {"status_details"},
    chat_reply.ChatCompletion: {"metadata", "moderation"},
    chat_reply.ChatCompletionChunk: {"moderation"},
    images.ImageList: {"background", "output_format", "quality", "size", "usage"},
    # Of models that tell speakers apart.
    audio_transcript.TranscriptDelta: {"segment_id"},
}
# Answers that no engine makes.
OUR_OWN = {
    models.Model,
    *(files.FileObject, files.FileList, files.DeletedFile, uploads.Upload, uploads.UploadPart),
    *(batches.BatchObject, batches.BatchErrors, batches.BatchError),
    *(batches.RequestCounts, batches.BatchUsage, batches.BatchList),
}
# Lines of files, which the specification does not describe.
IN_FILES = {batches.BatchRequest}
# Less than an object of the specification, or one of two.
PARTIAL = {chat_reply.ToolCallReply, audio_transcript.Measured}


def members(type_: type[Struct]) -> set[str]:
    tag = type_.__struct_config__.tag_field
    return set(type_.__struct_encode_fields__) | ({tag} if tag else set())


def required(type_: type[Struct]) -> set[str]:
    tag = type_.__struct_config__.tag_field
    return {field.encode_name for field in msgspec.structs.fields(type_) if field.required} | ({tag} if tag else set())


def subclasses(type_: type[Any]) -> set[type[Any]]:
    """Those of the package, whatever else is imported in this process."""
    children = {found for child in type_.__subclasses__() for found in ({child} | subclasses(child))}
    return {child for child in children if child.__module__.startswith("domicile.openai_api.")}


@pytest.mark.parametrize(("type_", "schema"), REQUEST.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_request_s_objects_have_the_specification_s_members(type_: type[Struct], schema: str) -> None:
    left_out = LEFT_OUT.get(type_, set())
    assert members(type_) == (set(SCHEMAS[schema]["members"]) | ADDED.get(type_, set())) - left_out
    assert required(type_) == set(SCHEMAS[schema]["required"]) - left_out


@pytest.mark.parametrize(("type_", "schema"), REPLY.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_reply_s_objects_have_no_other_members(type_: type[Struct], schema: str) -> None:
    assert members(type_) == (set(SCHEMAS[schema]["members"]) | ADDED.get(type_, set())) - LEFT_OUT.get(type_, set())


def test_a_tool_call_of_a_reply_is_either_of_two() -> None:
    assert members(chat_reply.ToolCallReply) == set(
        SCHEMAS["ChatCompletionMessageToolCall"]["members"] + SCHEMAS["ChatCompletionMessageCustomToolCall"]["members"]
    )


def test_a_moderation_has_the_specification_s_categories() -> None:
    assert set(moderations.CATEGORIES) == set(SCHEMAS["CreateModerationResponse.results[].categories"]["members"])


def test_no_type_is_forgotten() -> None:
    assert subclasses(Closed) == set(REQUEST) | {ModelRequest} | IN_FILES
    assert subclasses(Closed) == set(REQUEST) | {ModelRequest} | IN_FILES
    assert subclasses(Lenient) == set(REPLY) - OUR_OWN | PARTIAL


def test_no_schema_of_a_request_is_forgotten() -> None:
    names = list(SCHEMAS)
    request = set(names[: names.index("CreateChatCompletionResponse")])
    # The same two members under three names.
    same = {
        "ChatCompletionRequestAssistantMessage.function_call": "ChatCompletionMessageToolCall.function",
        "ChatCompletionNamedToolChoice.function": "ChatCompletionFunctionCallOption",
        "ChatCompletionNamedToolChoiceCustom.custom": "ChatCompletionFunctionCallOption",
    }
    for name, other in same.items():
        assert SCHEMAS[name] == SCHEMAS[other]
    assert request - set(same) == set(REQUEST.values())


@pytest.mark.parametrize("type_", REQUEST, ids=lambda type_: type_.__name__)
def test_a_request_s_objects_are_closed(type_: type[Struct]) -> None:
    assert type_.__struct_config__.forbid_unknown_fields
    assert type_.__struct_config__.frozen
