/* What is behind pli_stream, for the code that gives it a source (config/stream_source.c). */
#ifndef PLI_RUN_STREAM_H
#define PLI_RUN_STREAM_H

#include "pli/stream.h"
#include "source/source.h"

/** Environment of the stream. */
pli_env *pli__stream_env(pli_stream *stream);
/** Plan from this source from now on; the reference moves in. */
void pli__stream_set_source(pli_stream *stream, pli__source *take_source);

#endif
