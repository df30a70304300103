/* Relations stand in the engine layer, because the schema planner renders them; sources make them. */
#ifndef PLI_SOURCE_RELATION_H
#define PLI_SOURCE_RELATION_H

#include "engine/relation.h"

#endif
